import { cell, expect, open, row, test } from "../fixtures";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

const clipboard = (page: import("@playwright/test").Page) => page.evaluate(() => navigator.clipboard.readText());
const chosen = (page: import("@playwright/test").Page) => page.locator('td[aria-selected="true"]');

test("a block is chosen by keyboard and copied as spreadsheets take it", async ({ page, server, items }) => {
  await server.sql(`UPDATE ${items.name} SET title = E'a\\tb "c"', notes = NULL WHERE id = 2`);
  await open(page, `${items.path}?order=id&limit=5`);
  await cell(page, 1, "title").click();
  await page.keyboard.press("Control+c");
  expect(await clipboard(page)).toBe("Item 1");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowRight");
  await expect(chosen(page)).toHaveCount(4);
  await expect(page.getByText("2 × 2 cells")).toBeVisible();
  await expect(cell(page, 2, "notes")).toBeFocused();
  await page.keyboard.press("Control+c");
  expect(await clipboard(page)).toBe('Item 1\tnote 1\n"a\tb ""c"""\t');
  await page.keyboard.press("Shift+ArrowUp");
  await page.keyboard.press("Shift+ArrowLeft");
  await expect(chosen(page)).toHaveCount(0);
  await page.keyboard.press("Control+a");
  await expect(chosen(page)).toHaveCount(30);
  await page.keyboard.press("Escape");
  await expect(chosen(page)).toHaveCount(0);
});

test("a block is chosen by dragging, and by shift and a click", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=8`);
  await cell(page, 2, "title").hover();
  await page.mouse.down();
  await cell(page, 4, "done").hover();
  await page.mouse.up();
  await expect(chosen(page)).toHaveCount(9);
  await cell(page, 6, "notes").click({ modifiers: ["Shift"] });
  await expect(chosen(page)).toHaveCount(10);
  await cell(page, 1, "id").click();
  await expect(chosen(page)).toHaveCount(0);
});

test("a block stays with its rows when others move them", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=estimate.desc,id&id=lte.6`);
  await cell(page, 4, "title").click();
  await page.keyboard.press("Shift+ArrowRight");
  await server.sql(`UPDATE ${items.name} SET estimate = 900 WHERE id = 4`);
  await expect(page.getByText("1 moved")).toBeVisible();
  await page.getByRole("button", { name: "Show" }).click();
  await expect(row(page, 4)).toHaveAttribute("aria-rowindex", "2");
  await expect(row(page, 4).locator('td[aria-selected="true"]')).toHaveCount(2);
  await expect(chosen(page)).toHaveCount(2);
});

test("rows are chosen by their boxes and by the keyboard", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=6`);
  const box = (key: number) => page.getByRole("checkbox", { name: `Choose row ${key}` });
  await box(2).check();
  // From the box the keyboard goes on in the row.
  await expect(cell(page, 2, "id")).toBeFocused();
  await box(5).click({ modifiers: ["Shift"] });
  for (const key of [2, 3, 4, 5]) await expect(row(page, key)).toHaveAttribute("aria-selected", "true");
  await expect(row(page, 1)).not.toHaveAttribute("aria-selected", "true");
  await cell(page, 3, "title").click();
  await page.keyboard.press("Space");
  await expect(box(3)).not.toBeChecked();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Shift+Space");
  await expect(box(6)).toBeChecked();
  await page.keyboard.press("Escape");
  await expect(page.locator("tr.chosen")).toHaveCount(0);
  const all = page.getByRole("checkbox", { name: "Choose all rows shown" });
  await all.check();
  await expect(page.locator("tr.chosen")).toHaveCount(6);
  await expect(page.getByText("6 rows chosen")).toBeVisible();
  await box(4).uncheck();
  await expect(all).not.toBeChecked();
});
