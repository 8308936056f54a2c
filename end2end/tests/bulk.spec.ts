import type { Page } from "@playwright/test";
import { cell, expect, expectKeys, expectNoSeriousViolation, expectTotal, open, row, test } from "../fixtures";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

const bar = (page: Page) => page.getByRole("toolbar", { name: "Selected rows" });
const dialog = (page: Page) => page.getByRole("dialog");

async function select(page: Page, ...ids: number[]): Promise<void> {
  for (const id of ids) await page.getByRole("checkbox", { name: `Choose row ${id}`, exact: true }).click();
}

test("a value is set in the rows selected by keyboard alone, and taken back as one", async ({
  page,
  context,
  server,
  items,
}) => {
  const other = await context.newPage();
  await open(other, items.path);
  await open(page, `${items.path}?order=id`);
  await cell(page, 1, "notes").click();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Shift+Space");
  await expect(bar(page).getByRole("status")).toHaveText("3 rows selected");
  await bar(page).getByRole("button", { name: "Set value…" }).focus();
  await page.keyboard.press("Enter");
  await expect(dialog(page).getByRole("heading")).toHaveText("Set a value in 3 rows");
  await expect(dialog(page).getByLabel("Value", { exact: true })).toBeFocused();
  await expect(dialog(page).getByLabel("Column")).toHaveValue("notes");
  await page.keyboard.type("checked");
  await page.keyboard.press("Enter");
  for (const id of [1, 2, 3]) await expect(cell(other, id, "notes")).toHaveText("checked");
  await expect(page.getByText("Set notes in 3 rows.")).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  const notes = async () =>
    (await server.sql(`SELECT notes FROM ${items.name} WHERE id <= 3 ORDER BY id`)).map((found) => found.notes);
  await expect.poll(notes).toEqual(["note 1", "note 2", null]);
  // The bar's Escape clears the selection, and the keyboard goes on in the rows.
  await bar(page).getByRole("button", { name: "Copy" }).focus();
  await page.keyboard.press("Escape");
  await expect(bar(page)).toHaveCount(0);
  await expect(cell(page, 3, "notes")).toBeFocused();
});

test("what someone else changed first stays, and it is said", async ({ page, context, server, items }) => {
  await open(page, `${items.path}?order=id`);
  await select(page, 1, 2);
  await bar(page).getByRole("button", { name: "Set value…" }).click();
  await dialog(page).getByLabel("Column").selectOption("title");
  await dialog(page).getByLabel("Value", { exact: true }).fill("mine");
  await page.route(/\/api\/batch\//, async (route) => {
    await server.sql(`UPDATE ${items.name} SET title = 'theirs' WHERE id = 2`);
    await route.continue();
  });
  await dialog(page).getByRole("button", { name: "Set in 2 rows" }).click();
  await expect(cell(page, 2, "title").getByRole("alert")).toContainText("Someone else changed this first");
  await expect(cell(page, 2, "title").locator(".v")).toHaveText("theirs");
  await expect(cell(page, 1, "title")).toHaveText("Item 1");
});

test("all that match are set and deleted after their number is said, and both are taken back", async ({
  page,
  server,
  items,
}) => {
  await open(page, `${items.path}?done=is.false&order=id`);
  await expectTotal(page, 90);
  await select(page, 1);
  await bar(page).getByRole("button", { name: "Select all 90 that match" }).click();
  await expect(bar(page).getByRole("status")).toHaveText("All 90 rows selected");
  await expect(page.getByRole("checkbox", { name: "Choose row 2", exact: true })).toBeChecked();
  await bar(page).getByRole("button", { name: "Set value…" }).click();
  await expect(dialog(page).getByRole("heading")).toHaveText("Set a value in 90 rows");
  await dialog(page).getByLabel("Column").selectOption("estimate");
  await dialog(page).getByLabel("Value", { exact: true }).fill("7.5");
  // Another one comes meanwhile: nothing is done until that is agreed to.
  await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (500, 'late')`);
  await dialog(page).getByRole("button", { name: "Set in 90 rows" }).click();
  await expect(dialog(page).getByRole("alert")).toContainText("Meanwhile 91 rows match");
  await dialog(page).getByRole("button", { name: "Set in 91 rows" }).click();
  await expect(dialog(page)).toHaveCount(0);
  const counts = async () =>
    (await server.sql(`SELECT count(*)::int AS all, count(*) FILTER (WHERE estimate = 7.5)::int AS set FROM ${items.name}`))[0];
  await expect.poll(counts).toEqual({ all: 121, set: 91 });
  await page.getByRole("button", { name: "Undo" }).click();
  // The sixth has had it before.
  await expect.poll(counts).toEqual({ all: 121, set: 1 });

  await select(page, 1);
  await bar(page).getByRole("button", { name: "Select all 91 that match" }).click();
  await bar(page).getByRole("button", { name: "Delete…" }).click();
  await expect(dialog(page).getByRole("heading")).toHaveText("Delete 91 rows?");
  await expect(dialog(page).getByRole("button", { name: "Cancel" })).toBeFocused();
  await dialog(page).getByRole("button", { name: "Delete 91 rows" }).click();
  await expectTotal(page, 0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expectTotal(page, 91);
});

test("of many rows that are taken back, those that someone has changed since stay, and only those", async ({
  page,
  server,
  items,
}) => {
  await open(page, `${items.path}?order=id`);
  await select(page, 1, 2, 4);
  await bar(page).getByRole("button", { name: "Set value…" }).click();
  await dialog(page).getByLabel("Column").selectOption("notes");
  await dialog(page).getByLabel("Value", { exact: true }).fill("mine");
  await dialog(page).getByRole("button", { name: "Set in 3 rows" }).click();
  await expect(page.getByText("Set notes in 3 rows.")).toBeVisible();
  await server.sql(`UPDATE ${items.name} SET notes = 'theirs' WHERE id = 2`);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("Taken back: change of notes in 3 rows, but for 1 row changed since.")).toBeVisible();
  const notes = async () =>
    (await server.sql(`SELECT notes FROM ${items.name} WHERE id IN (1, 2, 4) ORDER BY id`)).map((found) => found.notes);
  expect(await notes()).toEqual(["note 1", "theirs", "note 4"]);
  // A row whose key somebody has taken meanwhile doesn't keep the others from coming back.
  await page.keyboard.press("Control+Delete");
  await dialog(page).getByRole("button", { name: "Delete 3 rows" }).click();
  await expect(page.getByText("Deleted 3 rows.")).toBeVisible();
  await server.sql(`INSERT INTO ${items.name} (id, title, notes) VALUES (1, 'Another', 'another')`);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(notes).toEqual(["another", "theirs", "note 4"]);
});

test("a column that is gone by then is not said to be set", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id`);
  await select(page, 1, 2);
  await bar(page).getByRole("button", { name: "Set value…" }).click();
  await dialog(page).getByLabel("Column").selectOption("notes");
  await dialog(page).getByLabel("Value", { exact: true }).fill("x");
  await server.sql(`ALTER TABLE ${items.name} DROP notes`);
  await expect(page.locator('[data-column="notes"]')).toHaveCount(0);
  await dialog(page).getByRole("button", { name: "Set in 2 rows" }).click();
  await expect(page.getByText("The table has no column notes any more.")).toBeVisible();
});

test("rows selected far apart are deleted, and come back under the identity that they had", async ({ page, server, items }) => {
  await server.sql(`
    ALTER TABLE ${items.name} ALTER id ADD GENERATED ALWAYS AS IDENTITY (START 1000),
      ADD twice numeric GENERATED ALWAYS AS (estimate * 2) STORED;
    INSERT INTO ${items.name} (id, title) OVERRIDING SYSTEM VALUE SELECT n, 'More' FROM generate_series(200, 700) n`);
  await open(page, `${items.path}?order=id`);
  await select(page, 2);
  await cell(page, 3, "title").click();
  await page.keyboard.press("Control+End");
  await expect(row(page, 700)).toBeVisible();
  await select(page, 700);
  await expect(bar(page).getByRole("status")).toHaveText("2 rows selected");
  await bar(page).getByRole("button", { name: "Delete…" }).click();
  await dialog(page).getByRole("button", { name: "Delete 2 rows" }).click();
  const left = async () =>
    (await server.sql(`SELECT array_agg(id ORDER BY id) AS ids FROM ${items.name} WHERE id IN (2, 700)`))[0].ids;
  await expect.poll(left).toEqual(null);
  await expect(bar(page)).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(left).toEqual([2, 700]);
  await server.sql(`ALTER TABLE ${items.name} DROP twice`);
});

test("a block that is longer than the rest adds rows, if that is wanted", async ({ page, server, items }) => {
  await server.sql(`DELETE FROM ${items.name} WHERE id > 3`);
  await open(page, `${items.path}?order=id`);
  await cell(page, 3, "id").click();
  await page.evaluate(() => navigator.clipboard.writeText("3\tThree\n4\tFour\n5\tFive\n"));
  await page.keyboard.press("Control+v");
  await expect(dialog(page).getByRole("heading")).toHaveText("Add 2 rows?");
  await dialog(page).getByRole("button", { name: "Paste without adding" }).click();
  await expect(cell(page, 3, "title")).toHaveText("Three");
  await expectTotal(page, 3);
  await page.keyboard.press("Control+v");
  await expect(dialog(page).getByRole("button", { name: "Add 2 rows" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expectKeys(page, [1, 2, 3, 4, 5]);
  await expect(cell(page, 5, "title")).toHaveText("Five");
  await page.getByRole("button", { name: "Undo" }).click();
  await expectKeys(page, [1, 2, 3]);
});

test("a drag past the edge scrolls on and chooses what comes", async ({ page, items }) => {
  await open(page, `${items.path}?order=id`);
  const box = await cell(page, 1, "title").boundingBox();
  const pager = await page.locator("footer.pager").boundingBox();
  if (!box || !pager) throw new Error("no rows");
  await page.mouse.move(box.x + 20, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + 20, pager.y + 30, { steps: 4 });
  await expect(cell(page, 120, "title")).toHaveAttribute("aria-selected", "true", { timeout: 20_000 });
  await expect(page.locator(".chosen-count")).toHaveText("· 120 × 1 cells");
  await page.mouse.up();
});

test("a table that is not live shows at once what is written here", async ({ page, server, items }) => {
  await server.sql(`SELECT rowcast.unwatch('${items.name}')`);
  await server.sql(`DELETE FROM ${items.name} WHERE id > 3`);
  await page.goto(`${items.path}?order=id`);
  await expect(page.getByRole("button", { name: "New row" })).toBeEnabled();
  await page.getByRole("button", { name: "New row" }).click();
  await dialog(page).getByLabel("id").fill("9");
  await dialog(page).getByLabel("title").fill("Nine");
  await page.keyboard.press("Control+Enter");
  await expectKeys(page, [1, 2, 3, 9]);
  await expectTotal(page, 4);
  await page.getByRole("button", { name: "Undo" }).click();
  await expectKeys(page, [1, 2, 3]);
  await select(page, 1, 2);
  await page.keyboard.press("Control+Delete");
  await dialog(page).getByRole("button", { name: "Delete 2 rows" }).click();
  await expectKeys(page, [3]);
  await page.getByRole("button", { name: "Undo" }).click();
  await expectKeys(page, [1, 2, 3]);
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("doing the same to many rows has no serious violation", async ({ page, items }) => {
      await open(page, `${items.path}?order=id`);
      await select(page, 1, 2);
      await expect(bar(page)).toBeVisible();
      await expectNoSeriousViolation(page);
      await bar(page).getByRole("button", { name: "Set value…" }).click();
      await expect(dialog(page)).toBeVisible();
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await expect(dialog(page)).toHaveCount(0);
    });
  });
}
