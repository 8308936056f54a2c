import { cell, expect, expectKeys, expectTotal, rows, test } from "../fixtures";

test.use({ javaScriptEnabled: false });

test("the start page lists the tables", async ({ page, items }) => {
  await page.goto("/");
  await page.getByRole("link", { name: items.name }).click();
  await expect(page).toHaveURL(new RegExp(`${items.path}$`));
});

test("a table is complete with its rows", async ({ page, items }) => {
  await page.goto(items.path);
  await expect(page.getByRole("table", { name: items.name })).toBeVisible();
  await expect(rows(page)).toHaveCount(50);
  await expect(cell(page, 1, "title")).toHaveText("Item 1");
  await expectTotal(page, 120);
});

test("headers, pages and search are links and forms", async ({ page, items }) => {
  await page.goto(`${items.path}?limit=3`);
  await page.getByRole("columnheader", { name: "id" }).getByRole("link").click();
  await page.getByRole("columnheader", { name: "id" }).getByRole("link").click();
  await expectKeys(page, [120, 119, 118]);
  await page.getByRole("link", { name: "Next page" }).click();
  await expectKeys(page, [117, 116, 115]);
  await page.getByRole("searchbox", { name: "Search" }).fill("Item 77");
  await page.getByRole("searchbox", { name: "Search" }).press("Enter");
  await expectKeys(page, [77]);
});

test("a filter in the address is applied, and its chip removes it", async ({ page, items }) => {
  await page.goto(`${items.path}?id=lte.2`);
  await expectKeys(page, [1, 2]);
  await expect(page.getByRole("list", { name: "Filters" }).getByRole("listitem")).toHaveCount(1);
  await page.getByRole("button", { name: /^Remove filter id/ }).click();
  await expectTotal(page, 120);
});

test("what is wrong is said, with the right status", async ({ page, items }) => {
  const unknown = await page.goto("/tables/no_such_table");
  expect(unknown?.status()).toBe(404);
  await expect(page.getByRole("alert")).toBeVisible();
  const wrong = await page.goto(`${items.path}?id=eq.seven`);
  expect(wrong?.status()).toBe(400);
  await expect(page.getByRole("alert")).toContainText("id");
});
