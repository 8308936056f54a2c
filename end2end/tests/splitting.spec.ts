import { cell, expect, open, test } from "../fixtures";

test("what editing needs is loaded when it is first needed, and for ever", async ({ page, items }) => {
  const parts: string[] = [];
  page.on("response", (response) => {
    const { pathname, search } = new URL(response.url());
    if (/split_.*\.wasm$/.test(pathname)) parts.push(pathname + search);
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
