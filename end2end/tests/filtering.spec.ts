import type { Page } from "@playwright/test";
import {
  cell,
  expect,
  expectKeys,
  expectLive,
  expectNoSeriousViolation,
  expectTotal,
  keys,
  open,
  row,
  test,
} from "../fixtures";

const form = (page: Page) => page.getByRole("form", { name: "Filter" });
const conditions = (page: Page) => form(page).getByRole("group", { name: "Condition", exact: true });
const chips = (page: Page) => page.getByRole("list", { name: "Filters" }).getByRole("listitem");
const text = (page: Page) => form(page).getByLabel("Filter as text");
const suggestions = (page: Page) => page.getByRole("listbox", { name: "Suggestions" }).getByRole("option");

/** Opens the panel and waits until conditions can be made in it. */
async function openFilter(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(form(page).getByRole("button", { name: "Apply" })).toBeVisible();
}

/** Fills in the condition at that place among all. */
async function condition(page: Page, at: number, column: string, operator: string, value?: string): Promise<void> {
  const line = conditions(page).nth(at);
  await line.getByLabel("Column").selectOption(column);
  await line.getByLabel("Operator").selectOption({ label: operator });
  if (value !== undefined) await line.getByLabel("Value").fill(value);
}

async function menu(page: Page, key: number, column: string) {
  await cell(page, key, column).click();
  await expect(cell(page, key, column)).toBeFocused();
  await page.keyboard.press("Shift+F10");
  const menu = page.getByRole("menu", { name: `Cell of ${column}` });
  await expect(menu.getByRole("menuitem").first()).toBeFocused();
  return menu;
}

test("groups in groups are put together by keyboard alone, and the list they give is live", async ({
  page,
  server,
  items,
}) => {
  await open(page, items.path);
  await page.keyboard.press("Control+Shift+F");
  const first = conditions(page).first();
  await expect(first.getByLabel("Column")).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await expect(form(page).getByLabel("Which of these hold")).toBeFocused();
  await page.keyboard.type("any");
  await page.keyboard.press("Tab");
  await page.keyboard.type("est");
  await expect(first.getByLabel("Column")).toHaveValue("estimate");
  await page.keyboard.press("Tab");
  for (let step = 0; step < 3; step++) await page.keyboard.press("ArrowDown");
  await expect(first.getByLabel("Operator")).toHaveValue("gte");
  await page.keyboard.press("Tab");
  await page.keyboard.type("140");
  // Past “Remove” and “Add condition”.
  for (let step = 0; step < 3; step++) await page.keyboard.press("Tab");
  await expect(form(page).getByRole("button", { name: "Add group" }).last()).toBeFocused();
  await page.keyboard.press("Enter");
  const inner = conditions(page).nth(1);
  await expect(inner.getByLabel("Column")).toBeFocused();
  await page.keyboard.press("Tab");
  for (let step = 0; step < 4; step++) await page.keyboard.press("ArrowDown");
  await expect(inner.getByLabel("Operator")).toHaveValue("lt");
  await page.keyboard.press("Tab");
  await page.keyboard.type("3");
  await page.keyboard.press("Enter");
  await expectKeys(page, [1, 2, 112, 113, 114, 115, 116, 117, 118, 119, 120]);
  await expect(page).toHaveURL(/or=\(estimate\.gte\.140,or\(id\.lt\.3\)\)/);
  await expect(form(page)).toBeHidden();
  await server.sql(`UPDATE ${items.name} SET estimate = 500 WHERE id = 50`);
  await expectKeys(page, [1, 2, 50, 112, 113, 114, 115, 116, 117, 118, 119, 120]);
});

test("what holds is changed from its chip, whatever it is, and taken out again", async ({ page, items }) => {
  await open(page, `${items.path}?id=lte.9&not.or=(done.is.true,notes.is.null)&order=id`);
  await expectKeys(page, [1, 2, 5, 7]);
  await chips(page).nth(1).getByRole("button").first().click();
  await expect(conditions(page)).toHaveCount(3);
  // The focus is in what was clicked.
  await expect(form(page).getByLabel("Which of these hold").nth(1)).toBeFocused();
  await conditions(page).nth(2).getByRole("button", { name: "Remove condition" }).click();
  await form(page).getByRole("button", { name: "Apply" }).click();
  await expectKeys(page, [1, 2, 3, 5, 6, 7, 9]);
  await openFilter(page);
  await form(page).getByRole("button", { name: "Remove group" }).click();
  await form(page).getByRole("button", { name: "Cancel" }).click();
  await expect(chips(page)).toHaveCount(2);
  await openFilter(page);
  await expect(conditions(page)).toHaveCount(2);
  await form(page).getByRole("button", { name: "Clear all" }).click();
  await expectTotal(page, 120);
});

test("values are written as their column has them", async ({ page, server, items }) => {
  await server.sql(`
    CREATE TYPE ${items.name}_state AS ENUM ('open', 'in progress', 'closed');
    ALTER TABLE ${items.name} ADD state ${items.name}_state NOT NULL DEFAULT 'open';
    UPDATE ${items.name} SET state = 'closed', created_at = now() - interval '3 days' WHERE id = 7;
    UPDATE ${items.name} SET state = 'in progress', created_at = now() - interval '9 days' WHERE id = 8`);
  await open(page, `${items.path}?order=id`);
  await openFilter(page);
  await condition(page, 0, "state", "is any of");
  await form(page).getByRole("checkbox", { name: "in progress" }).check();
  await form(page).getByRole("checkbox", { name: "closed" }).check();
  await form(page).getByRole("button", { name: "Apply" }).click();
  await expectKeys(page, [7, 8]);
  await openFilter(page);
  await form(page).getByRole("button", { name: "Add condition" }).click();
  await condition(page, 1, "created_at", "in the last", "1");
  await conditions(page).nth(1).getByLabel("Unit").selectOption("weeks");
  await form(page).getByRole("button", { name: "Apply" }).click();
  await expectKeys(page, [7]);
  await expect(page).toHaveURL(/created_at=gte\.now-1w/);
  await expect(chips(page).last()).toContainText("created_at in the last 1 week");
  await openFilter(page);
  await condition(page, 1, "created_at", "before", "2026-03-01T13:00:00");
  await condition(page, 0, "state", "is");
  await conditions(page).first().getByLabel("Value").selectOption("open");
  await form(page).getByRole("button", { name: "Apply" }).click();
  await expectTotal(page, 118);
  await openFilter(page);
  await expect(conditions(page).nth(1).getByLabel("Value")).toHaveValue(/^2026-03-01T13:00/);
  await condition(page, 0, "done", "is true");
  await form(page).getByRole("button", { name: "Apply" }).click();
  await expectTotal(page, 29);
});

test("what is missing or does not fit is said at its condition, and nothing changes", async ({ page, items }) => {
  await open(page, items.path);
  await openFilter(page);
  const apply = form(page).getByRole("button", { name: "Apply" });
  const alert = conditions(page).first().getByRole("alert");
  await apply.click();
  await expect(alert).toHaveText("A value is needed.");
  await expect(conditions(page).first().getByLabel("Value")).toBeFocused();
  await page.keyboard.type("many");
  await apply.click();
  await expect(alert).toContainText("a whole number from");
  // What only PostgreSQL can tell is asked of it.
  await condition(page, 0, "estimate", "is", "much");
  await apply.click();
  await expect(alert).toContainText("invalid input syntax");
  await expect(conditions(page).first().getByLabel("Value")).toHaveAttribute("aria-invalid", "true");
  await expectTotal(page, 120);
  await expect(page).toHaveURL(new RegExp(`${items.path}$`));
  await conditions(page).first().getByLabel("Value").fill("2.50");
  await apply.click();
  await expectKeys(page, [2]);
});

test("a filter is written as text with what can come next, and what is wrong is shown in its place", async ({
  page,
  items,
}) => {
  await open(page, `${items.path}?order=id`);
  await openFilter(page);
  await form(page).getByRole("button", { name: "As text" }).click();
  await expect(text(page)).toBeFocused();
  await page.keyboard.type("or=(es");
  // What begins so stands before what has it inside.
  await expect(suggestions(page)).toHaveText([/^estimate/, /^notes/]);
  await page.keyboard.press("Enter");
  await expect(text(page)).toHaveValue("or=(estimate.");
  await expect(suggestions(page).first()).toHaveText(/^eq/);
  await page.keyboard.type("lt");
  await page.keyboard.press("Enter");
  await page.keyboard.type("3,title.eq.11");
  // Values are of the whole table, also of rows that are not on the page.
  await expect(suggestions(page).filter({ hasText: "Item 113" })).toHaveCount(1);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await expect(text(page)).toHaveValue(/title\.eq\.Item 11\d?$/);
  await text(page).fill("or=(estimate.lt.3,titel.eq.x)");
  await expect(suggestions(page)).toHaveCount(0);
  await expect(form(page).locator(".fault")).toHaveText("titel");
  await expect(form(page).getByRole("alert")).toContainText('Did you mean "title"?');
  await expect(text(page)).toHaveAttribute("aria-invalid", "true");
  await page.keyboard.press("Enter");
  // It is not applied: what is wrong is chosen, to be written over.
  await page.keyboard.type("title");
  await expect(text(page)).toHaveValue("or=(estimate.lt.3,title.eq.x)");
  // The first Escape closes the suggestions, and not what they are for.
  await expect(suggestions(page).first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(form(page)).toBeVisible();
  await page.keyboard.press("Enter");
  await expectKeys(page, [1, 2]);
  // As conditions it is the same.
  await openFilter(page);
  await expect(text(page)).toHaveValue("or=(estimate.lt.3,title.eq.x)");
  await form(page).getByRole("button", { name: "As conditions" }).click();
  await expect(conditions(page)).toHaveCount(2);
  await expect(conditions(page).nth(1).getByLabel("Value")).toHaveValue("x");
});

test("a cell's menu filters by its value, by keyboard and by pointer", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=15`);
  await (await menu(page, 3, "notes")).getByRole("menuitem", { name: "Only this value" }).press("Enter");
  await expect(page).toHaveURL(/notes=is\.null/);
  await expectTotal(page, 40);
  await page.goBack();
  await expectTotal(page, 120);
  // Rows without a value have not this one.
  await cell(page, 1, "notes").click({ button: "right" });
  await page.getByRole("menuitem", { name: "Not this value" }).click();
  await expectTotal(page, 119);
  expect((await keys(page)).slice(0, 3)).toEqual([2, 3, 4]);
  await cell(page, 4, "done").click({ button: "right" });
  await page.getByRole("menuitem", { name: "Only this value" }).click();
  await expect(page).toHaveURL(/done=is\.true/);
  await expectTotal(page, 30);
  // The menu goes, and the focus is where it was.
  const open_ = await menu(page, 8, "title");
  await page.keyboard.press("ArrowUp");
  await expect(open_.getByRole("menuitem", { name: "Delete row" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(open_).toHaveCount(0);
  await expect(cell(page, 8, "title")).toBeFocused();
});

test("a cell's menu copies, edits, opens, duplicates and deletes", async ({ page, context, server, items }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, `${items.path}?order=id&limit=5`);
  await (await menu(page, 2, "title")).getByRole("menuitem", { name: "Copy" }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe("Item 2");
  await (await menu(page, 2, "title")).getByRole("menuitem", { name: "Edit" }).click();
  await expect(page.locator("#cell-input")).toBeFocused();
  await page.keyboard.press("Escape");
  await (await menu(page, 2, "title")).getByRole("menuitem", { name: "Open row" }).click();
  await expect(page.getByRole("dialog").getByLabel("title", { exact: true })).toHaveValue("Item 2");
  await page.keyboard.press("Escape");
  await expect(cell(page, 2, "title")).toBeFocused();
  await (await menu(page, 2, "title")).getByRole("menuitem", { name: "Duplicate row" }).click();
  await expect(page.getByRole("heading", { name: `New row in ${items.name}` })).toBeVisible();
  await page.keyboard.press("Escape");
  // Rows that are chosen are deleted together.
  await page.getByRole("checkbox", { name: "Choose row 3" }).check();
  await page.getByRole("checkbox", { name: "Choose row 4" }).check();
  await cell(page, 4, "notes").click({ button: "right" });
  await page.getByRole("menuitem", { name: "Delete 2 rows" }).click();
  await page.getByRole("button", { name: "Delete 2 rows" }).click();
  await expect(row(page, 3)).toHaveCount(0);
  await expect.poll(async () => (await server.sql(`SELECT id FROM ${items.name} WHERE id < 6`)).length).toBe(3);
});

test("the filters used last are offered, also after a reload", async ({ page, items }) => {
  await open(page, `${items.path}?id=lte.2`);
  await expectTotal(page, 2);
  await page.getByRole("button", { name: /^Remove filter id/ }).click();
  await expectTotal(page, 120);
  await open(page, `${items.path}?done=is.true&estimate=gt.100&order=id`);
  await expectTotal(page, 10);
  await page.reload();
  await expectLive(page);
  await openFilter(page);
  const recent = page.getByRole("region", { name: "Recent filters" });
  // The one in use is not offered.
  await expect(recent.getByRole("listitem")).toHaveText(["id ≤ 2"]);
  await recent.getByRole("button", { name: "id ≤ 2" }).click();
  await expectKeys(page, [1, 2]);
  await expect(page).toHaveURL(/order=id/);
  await openFilter(page);
  await expect(recent.getByRole("listitem")).toHaveText(["done is true and estimate > 100"]);
  await recent.getByRole("button", { name: "Forget" }).click();
  await expect(recent).toHaveCount(0);
});

test("what a search finds is marked, also in what others write meanwhile", async ({
  page,
  context,
  server,
  items,
}) => {
  const marked = () =>
    page.evaluate(() =>
      [...((CSS as any).highlights.get("search") ?? [])].map((range: Range) => range.toString()).sort(),
    );
  const other = await context.newPage();
  await open(other, `${items.path}?order=id&limit=3`);
  await open(page, `${items.path}?order=id`);
  expect(await page.evaluate(() => (CSS as any).highlights.has("search"))).toBe(false);
  await page.getByRole("searchbox", { name: "Search" }).fill("ITEM 119");
  await expectKeys(page, [119]);
  await expect.poll(marked).toEqual(["119", "119", "Item"]);
  // Another person's words are found and marked where they stand.
  await cell(other, 2, "notes").click();
  await other.keyboard.press("Enter");
  await expect(other.locator("#cell-input")).toBeFocused();
  await other.keyboard.type("an item, item 119");
  await other.keyboard.press("Enter");
  await expectKeys(page, [2, 119]);
  await expect.poll(marked).toEqual(["119", "119", "119", "Item", "Item", "item", "item"]);
  await server.sql(`UPDATE ${items.name} SET notes = 'none' WHERE id = 119`);
  await expect.poll(marked).toEqual(["119", "119", "Item", "Item", "item", "item"]);
  await page.getByRole("searchbox", { name: "Search" }).fill("");
  await expectTotal(page, 120);
  await expect.poll(marked).toEqual([]);
});

test("where conditions can't be loaded, the form without scripts is there", async ({ page, items }) => {
  await page.route(/split_filtering\.wasm/, (route) => route.abort("connectionrefused"));
  await open(page, items.path);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(page.getByRole("dialog", { name: "Filter" }).getByRole("alert")).toContainText("could not be loaded");
  await form(page).getByLabel("Column").selectOption("id");
  await form(page).getByLabel("Operator").selectOption({ label: "≤" });
  await form(page).getByLabel("Value").fill("2");
  await form(page).getByRole("button", { name: "Add" }).click();
  await expectKeys(page, [1, 2]);
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("filtering has no serious violation, and fits a narrow screen", async ({ page, items }) => {
      await open(page, `${items.path}?q=item&or=(id.lte.9,and(title.eq.x,created_at.gte.now-15m))&order=id`);
      await openFilter(page);
      await expect(conditions(page)).toHaveCount(3);
      await expectNoSeriousViolation(page);
      await page.setViewportSize({ width: 390, height: 800 });
      const panel = page.getByRole("dialog", { name: "Filter" });
      const box = await panel.boundingBox();
      expect(box?.x).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(390);
      expect(await panel.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
      await form(page).getByRole("button", { name: "As text" }).click();
      await text(page).fill("id=equals.1&tit");
      await expect(suggestions(page)).toHaveText([/^title/]);
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await expect(form(page).locator(".fault")).toHaveText("equals");
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await expect(panel).toBeHidden();
      await menu(page, 2, "title");
      await expectNoSeriousViolation(page);
    });
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a form adds a filter", async ({ page, items }) => {
    await page.goto(`${items.path}?order=id.desc&~density=compact`);
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await form(page).getByLabel("Column").selectOption("title");
    await form(page).getByLabel("Operator").selectOption({ label: "ends with" });
    await form(page).getByLabel("Value").fill("m 7");
    await form(page).getByRole("button", { name: "Add" }).click();
    await expectKeys(page, [7]);
    await expect(page).toHaveURL(/order=id\.desc.*~density=compact/);
  });
});
