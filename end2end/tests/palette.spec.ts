import type { Page } from "@playwright/test";
import { cell, expect, expectKeys, expectNoSeriousViolation, expectTotal, open, row, test } from "../fixtures";

const palette = (page: Page) => page.getByRole("dialog", { name: "Commands" });
const find = (page: Page) => page.getByRole("combobox", { name: /^Find a command/ });
const option = (page: Page, name: string | RegExp) => palette(page).getByRole("option", { name });

test("what it needs is loaded when it is first asked for, and nothing typed meanwhile is lost on a cell", async ({
  page,
  items,
}) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/split_palette\.wasm/, async (route) => {
    await held;
    await route.continue();
  });
  await open(page, `${items.path}?order=id`);
  await cell(page, 2, "title").click();
  const asked = page.waitForRequest(/split_palette\.wasm/);
  await page.keyboard.press("Control+k");
  await asked;
  await page.keyboard.type("x");
  await expect(page.locator("#cell-input")).toHaveCount(0);
  release();
  await expect(find(page)).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(palette(page)).toHaveCount(0);
  await expect(cell(page, 2, "title")).toBeFocused();
});

test("where it can't be loaded that is said, and it is tried again", async ({ page, items }) => {
  await page.route(/split_palette\.wasm/, (route) => route.abort("connectionrefused"));
  await open(page, items.path);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("alert").filter({ hasText: "could not be loaded" })).toBeVisible();
  await page.unroute(/split_palette\.wasm/);
  await page.getByRole("button", { name: "Commands" }).click();
  await expect(find(page)).toBeFocused();
});

test("a command is found by a few letters and done where the focus was", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  await cell(page, 2, "title").click();
  await page.keyboard.press("Control+k");
  await expect(find(page)).toBeFocused();
  // All there is stands there, by kind; the first is marked.
  await expect(option(page, /^New row/)).toHaveAttribute("aria-selected", "true");
  // The tables, too, which are asked for when it opens.
  await expect(option(page, new RegExp(`^${items.name}`))).toBeAttached();
  await page.keyboard.press("ArrowUp");
  await expect(palette(page).getByRole("option").last()).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("ArrowDown");

  await find(page).fill("hold");
  await expect(palette(page).getByRole("option")).toHaveCount(1);
  await expect(find(page)).toHaveAttribute("aria-activedescendant", /palette-list-0$/);
  await page.keyboard.press("Enter");
  await expect(palette(page)).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Hold" })).toHaveAttribute("aria-pressed", "true");
  await expect(cell(page, 2, "title")).toBeFocused();

  await page.keyboard.press("Control+k");
  await find(page).fill("nothing of the kind");
  await expect(palette(page).getByRole("status")).toHaveText("Nothing found");
  await find(page).fill("dup row");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await expect(page.getByRole("dialog").getByRole("textbox", { name: "title" })).toHaveValue("Item 2");
});

test("it leads to columns, tables, saved views and looks", async ({ page, request, items }) => {
  await request.post(`/api/views/${items.name}`, { data: { name: "Only seven", query: "id=eq.7" } });
  await open(page, `${items.path}?order=id`);
  await cell(page, 3, "id").click();
  await page.keyboard.press("Control+k");
  await find(page).fill("created");
  await page.keyboard.press("Enter");
  await expect(cell(page, 3, "created_at")).toBeFocused();

  await page.keyboard.press("Control+k");
  await find(page).fill("only sev");
  await option(page, /Only seven/).click();
  await expectKeys(page, [7]);

  await page.keyboard.press("Control+k");
  await find(page).fill("theme dark");
  await page.keyboard.press("Enter");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");

  await page.keyboard.press("Control+k");
  await find(page).fill("all tables");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Tables" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await find(page).fill(items.name);
  await option(page, new RegExp(items.name)).first().click();
  await expect(row(page, 1)).toBeVisible();
});

test("? shows the keys, / searches, and a letter in an input is a letter", async ({ page, items }) => {
  await open(page, `${items.path}?order=id`);
  await cell(page, 1, "title").click();
  await page.keyboard.press("?");
  const list = page.getByRole("dialog", { name: "Keys" });
  await expect(list).toBeVisible();
  for (const [keys, what] of [["Ctrl.", "hold the list"], ["F2", "edit the cell"], ["CtrlK", "Find a command"], ["?", "Show all keys"]]) {
    const line = list.locator("dl > div").filter({ hasText: new RegExp(what, "i") }).first();
    await expect(line.locator("dt")).toContainText(keys);
  }
  // The focus stays in the dialog, and goes back where it was.
  for (let press = 0; press < 4; press++) await page.keyboard.press("Tab");
  expect(await list.evaluate((dialog) => document.activeElement === document.body || dialog.contains(document.activeElement))).toBe(true);
  await page.keyboard.press("Escape");
  await expect(cell(page, 1, "title")).toBeFocused();

  await page.keyboard.press("/");
  const search = page.getByRole("searchbox", { name: "Search" });
  await expect(search).toBeFocused();
  await page.keyboard.type("?/");
  await expect(search).toHaveValue("?/");
  await expect(list).toHaveCount(0);
  // They are what is searched for, which is in no row.
  await expectTotal(page, 0);
});

test("undo and hold work from anywhere on the page, and not while one writes", async ({ page, items }) => {
  await open(page, `${items.path}?order=id`);
  await cell(page, 1, "title").click();
  await page.keyboard.type("Other");
  await page.keyboard.press("Enter");
  await expect(cell(page, 1, "title")).toHaveText("Other");
  await expect(cell(page, 1, "title").locator(".saving")).toHaveCount(0);
  const search = page.getByRole("searchbox", { name: "Search" });
  await search.focus();
  await page.keyboard.press("Control+.");
  await page.keyboard.press("Control+z");
  await expect(page.getByRole("button", { name: "Hold" })).toHaveAttribute("aria-pressed", "false");
  await page.getByRole("button", { name: "Hold" }).focus();
  await page.keyboard.press("Control+z");
  await expect(cell(page, 1, "title")).toHaveText("Item 1");
  await page.keyboard.press("Control+.");
  await expect(page.getByRole("button", { name: "Hold" })).toHaveAttribute("aria-pressed", "true");
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("palette and keys have no serious violation", async ({ page, items }) => {
      await open(page, items.path);
      await page.keyboard.press("Control+k");
      await find(page).fill("row");
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await page.keyboard.press("?");
      await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
      await expectNoSeriousViolation(page);
    });
  });
}
