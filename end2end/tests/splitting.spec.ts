import { cell, expect, open, test } from "../fixtures";

test("what editing needs is loaded when it is first needed, and for ever", async ({ page, items }) => {
  const parts: string[] = [];
  page.on("response", (response) => {
    const { pathname, search } = new URL(response.url());
    if (/split_.*\.wasm$/.test(pathname) && !/presence/.test(pathname)) parts.push(pathname + search);
  });
  await open(page, items.path);
  expect(parts).toEqual([]);
  const loaded = page.waitForResponse(/split_editing\.wasm\?v=\w+$/);
  await cell(page, 1, "title").click();
  expect((await loaded).headers()["cache-control"]).toContain("immutable");
  await page.keyboard.press("Enter");
  await expect(page.locator("#cell-input")).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await expect(page.locator("#cell-input")).toBeFocused();
  expect(parts).toHaveLength(1);
});

test("where editing can't be loaded that is said, and it is tried again", async ({ page, items }) => {
  await page.route(/split_editing\.wasm/, (route) => route.abort("connectionrefused"));
  await open(page, items.path);
  await cell(page, 1, "title").click();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert").filter({ hasText: "Editing could not be loaded" })).toBeVisible();
  await page.unroute(/split_editing\.wasm/);
  await page.keyboard.press("Enter");
  await expect(page.locator("#cell-input")).toBeFocused();
});

test("what is typed before editing is loaded is saved by Enter, cell after cell", async ({ page, items }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/split_editing\.wasm/, async (route) => {
    await held;
    await route.continue();
  });
  await open(page, `${items.path}?order=id`);
  const asked = page.waitForRequest(/split_editing\.wasm/);
  await cell(page, 1, "estimate").click();
  await asked;
  await page.keyboard.type("31");
  await page.keyboard.press("Enter");
  await expect(cell(page, 2, "estimate")).toBeFocused();
  await page.keyboard.type("32");
  await page.keyboard.press("Enter");
  await expect(cell(page, 3, "estimate")).toBeFocused();
  await page.keyboard.type("3");
  release();
  // The last one is still being written.
  await expect(page.locator("#cell-input")).toBeFocused();
  await page.keyboard.type("3");
  await page.keyboard.press("Enter");
  for (const [id, value] of [[1, "31.00"], [2, "32.00"], [3, "33.00"]] as const) {
    await expect(cell(page, id, "estimate")).toHaveText(value);
  }
  await expect(cell(page, 4, "estimate")).toBeFocused();
});

test("a column's menu that opens before its lines are loaded gives them the focus", async ({ page, items }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/split_column_menu\.wasm/, async (route) => {
    await held;
    await route.continue();
  });
  await open(page, items.path);
  const asked = page.waitForRequest(/split_column_menu\.wasm/);
  await page.getByRole("button", { name: "Menu of title" }).focus();
  await asked;
  await page.keyboard.press("Enter");
  const menu = page.locator("#column-menu");
  await expect(menu.getByText("Loading…")).toBeVisible();
  release();
  await expect(menu.getByRole("link", { name: "Sort ascending" })).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(menu.getByRole("link", { name: "Sort descending" })).toBeFocused();
});

test("where a column's menu can't be loaded that is said, and it is tried again", async ({ page, items }) => {
  await page.route(/split_column_menu\.wasm/, (route) => route.abort("connectionrefused"));
  await open(page, items.path);
  await page.getByRole("button", { name: "Menu of title" }).focus();
  await page.keyboard.press("Enter");
  const menu = page.locator("#column-menu");
  await expect(menu.getByText("The menu could not be loaded")).toBeVisible();
  await page.unroute(/split_column_menu\.wasm/);
  await page.keyboard.press("Escape");
  await expect(menu).toBeHidden();
  await page.keyboard.press("Enter");
  await expect(menu.getByRole("link", { name: "Sort ascending" })).toBeFocused();
});
