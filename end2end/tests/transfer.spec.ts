import { readFile } from "node:fs/promises";
import type { Download, Page } from "@playwright/test";
import { cell, expect, expectNoSeriousViolation, expectTotal, open, test } from "../fixtures";

const dialog = (page: Page) => page.getByRole("dialog");

async function text(download: Download): Promise<string> {
  return readFile(await download.path(), "utf8");
}

async function openExport(page: Page) {
  await page.getByRole("button", { name: "Export" }).click();
  await expect(dialog(page).getByRole("heading", { name: "Export" })).toBeVisible();
}

async function openImport(page: Page) {
  await page.getByRole("button", { name: "Import" }).click();
  await expect(dialog(page).getByRole("heading", { name: "Import" })).toBeVisible();
}

/** Chooses a file with this content. */
async function give(page: Page, content: string | Buffer, name = "items.csv") {
  const buffer = Buffer.from(content);
  await dialog(page).getByLabel("File").setInputFiles({ name, mimeType: "text/csv", buffer });
}

test("all rows that match are exported as the page shows them, with formulas marked", async ({ page, server, items }) => {
  await server.sql(`UPDATE ${items.name} SET notes = '=1+1' WHERE id = 1`);
  await open(page, `${items.path}?done=is.false&order=id.desc&~columns=notes,title,-estimate`);
  await openExport(page);
  await expect(dialog(page)).toContainText("All 90 rows that match");
  for (const name of ["created_at", "done"]) await dialog(page).getByRole("checkbox", { name }).uncheck();
  await expect(dialog(page).getByRole("checkbox", { name: "estimate" })).not.toBeChecked();
  const waits = page.waitForEvent("download");
  await dialog(page).getByRole("button", { name: "Download" }).click();
  const download = await waits;
  expect(download.suggestedFilename()).toBe(`${items.name}.csv`);
  await expect(dialog(page).getByRole("status")).toContainText("90 rows in");
  const lines = (await text(download)).split("\r\n");
  expect(lines[0]).toBe("notes,title,id");
  expect(lines[1]).toBe("note 119,Item 119,119");
  expect(lines[90]).toBe("'=1+1,Item 1,1");
  expect(lines).toHaveLength(92);
  await dialog(page).getByRole("button", { name: "Close" }).click();
  await expect(dialog(page)).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Export" })).toBeFocused();
});

test("JSON is exported by keyboard alone", async ({ page, items }) => {
  await open(page, `${items.path}?id=lte.2&order=id&select=id,estimate`);
  await page.getByRole("button", { name: "Export" }).focus();
  await page.keyboard.press("Enter");
  await expect(dialog(page).getByRole("button", { name: "Download" })).toBeFocused();
  await dialog(page).getByRole("radio", { name: "CSV" }).focus();
  await page.keyboard.press("ArrowDown");
  await expect(dialog(page).getByRole("radio", { name: "JSON" })).toBeChecked();
  const waits = page.waitForEvent("download");
  await page.keyboard.press("Enter");
  expect(await text(await waits)).toBe('[{"id":1,"estimate":1.25},\n{"id":2,"estimate":2.50}]\n');
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toHaveCount(0);
});

test("an export that breaks off or is refused leaves no file, and one that is stopped", async ({ page, items }) => {
  await open(page, items.path);
  const busy = { code: "too_busy", message: "Four exports are under way.", hint: "Try again in a moment." };
  await page.route(/\/api\/rows\/.*\.csv/, (route) => route.fulfill({ status: 422, json: { error: busy } }));
  await openExport(page);
  await dialog(page).getByRole("button", { name: "Download" }).click();
  await expect(dialog(page).getByRole("alert")).toHaveText("Four exports are under way. Try again in a moment.");
  await page.unroute(/\/api\/rows\/.*\.csv/);
  // It is held until it is stopped.
  await page.route(/\/api\/rows\/.*\.csv/, () => {});
  await dialog(page).getByRole("button", { name: "Download" }).click();
  await dialog(page).getByRole("button", { name: "Stop" }).click();
  await expect(dialog(page).getByRole("status")).toHaveText("Stopped; nothing was saved.");
  await expect(dialog(page).getByRole("button", { name: "Download" })).toBeEnabled();
});

test("a file is imported: its fields find their columns, and the rows are there", async ({ page, context, items }) => {
  const other = await context.newPage();
  await open(other, items.path);
  await open(page, items.path);
  await openImport(page);
  await give(page, "ID;Title;Comment;estimate\r\n901;Nine;first;1.5\r\n902;\"Nine; two\";;\r\n");
  const column = (name: string) => dialog(page).getByLabel(`Column for ${name}`);
  await expect(column("ID")).toHaveValue("id");
  await expect(column("Title")).toHaveValue("title");
  await expect(column("Comment")).toHaveValue("");
  await column("Comment").selectOption("notes");
  await expect(dialog(page).getByRole("cell", { name: "Nine; two" })).toBeVisible();
  await dialog(page).getByRole("button", { name: "Import 2 rows" }).click();
  await expect(dialog(page).getByRole("status")).toHaveText(`2 rows were added to ${items.name}.`);
  await dialog(page).getByRole("button", { name: "Close" }).click();
  await expectTotal(page, 122);
  await expectTotal(other, 122);
  await other.goto(`${items.path}?id=eq.901`);
  await expect(cell(other, 901, "notes")).toHaveText("first");
});

test("what does not fit is said line by line, and nothing is inserted", async ({ page, server, items }) => {
  await open(page, items.path);
  await openImport(page);
  await give(page, "id,title,estimate\n901,Nine,many\n902,,2\nx,Ten,3\n");
  const problems = dialog(page).getByRole("region", { name: "Problems" });
  await expect(problems).toContainText("Line 2, estimate");
  await expect(problems).toContainText("Line 4, id");
  await expect(dialog(page).getByRole("button", { name: "Import", exact: false }).last()).toBeDisabled();
  // Without that column the rest fits, as far as can be known before.
  await dialog(page).getByLabel("Column for estimate").selectOption("Skip");
  await expect(problems).toContainText("1 problem");
  await dialog(page).getByRole("button", { name: "Another file" }).click();
  // What only shows when rows are inserted: a key that is taken.
  await give(page, "id,title\n901,Nine\n1,One\n");
  await dialog(page).getByRole("button", { name: "Import 2 rows" }).click();
  await expect(problems).toContainText("Line 3, id");
  await expectTotal(page, 120);
  expect(await server.sql(`SELECT id FROM ${items.name} WHERE id > 900`)).toEqual([]);
});

test("a quote that is not closed, and names that are there twice, are said before rows are lost", async ({ page, items }) => {
  await open(page, items.path);
  await openImport(page);
  await give(page, 'id,title,title\n901,Nine,x\n902,"Ten,y\n903,Eleven,z\n');
  // Which of the two it is can be chosen.
  await expect(dialog(page).getByLabel("Column for title").first()).toHaveValue("title");
  await expect(dialog(page).getByLabel("Column for title").last()).toHaveValue("");
  const problems = dialog(page).getByRole("region", { name: "Problems" });
  await expect(problems).toContainText("Line 3 a quote begins in this row and does not end");
  await expect(problems.getByRole("listitem")).toHaveCount(1);
  await expect(dialog(page).getByRole("button", { name: "Import" })).toBeDisabled();
  await dialog(page).getByRole("button", { name: "Another file" }).click();
  await give(page, `id,title\n${"x,y\n".repeat(150)}`);
  await expect(problems.getByRole("alert")).toHaveText("The first 100 problems; nothing was added");
});

test("rows are pasted without names by keyboard, and a needed column is asked for", async ({ page, items }) => {
  await open(page, items.path);
  await openImport(page);
  await dialog(page).getByLabel("Or rows that are pasted").focus();
  await page.keyboard.insertText("901\tPasted\n902\tToo\n");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await dialog(page).getByRole("checkbox", { name: "The first line is names" }).uncheck();
  await expect(dialog(page).getByText("Rows need a value here that the file doesn't give them: id, title")).toBeVisible();
  await dialog(page).getByLabel("Column for 1").selectOption("id");
  await dialog(page).getByLabel("Column for 2").selectOption("title");
  await expect(dialog(page).getByText("Rows need a value here")).toHaveCount(0);
  await dialog(page).getByRole("button", { name: "Import 2 rows" }).click();
  await expect(dialog(page).getByRole("status")).toContainText("2 rows were added");
  await page.keyboard.press("Enter");
  await expect(dialog(page)).toHaveCount(0);
  await expectTotal(page, 122);
});

test("what the dialogs need is loaded when it is first gone to, and said where it can't be", async ({ page, items }) => {
  await page.route(/split_transfer\.wasm/, (route) => route.abort("connectionrefused"));
  await open(page, items.path);
  await page.getByRole("button", { name: "Export" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "could not be loaded" })).toBeVisible();
  await page.unroute(/split_transfer\.wasm/);
  await openExport(page);
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("Export leads to the file", async ({ page, items }) => {
    await page.goto(`${items.path}?id=lte.3`);
    const waits = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export" }).click();
    expect((await text(await waits)).split("\r\n")).toHaveLength(5);
  });
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("exporting and importing have no serious violation", async ({ page, items }) => {
      await open(page, items.path);
      await openExport(page);
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await openImport(page);
      await expectNoSeriousViolation(page);
      await give(page, "id,title,else\n901,Nine,x\nx,Ten,y\n");
      await expect(dialog(page).getByRole("region", { name: "Problems" })).toBeVisible();
      await expectNoSeriousViolation(page);
    });
  });
}
