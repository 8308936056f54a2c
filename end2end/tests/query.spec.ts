import { expect, expectKeys, expectTotal, open, rows, test } from "../fixtures";

test("a header sorts, and shift adds a second key", async ({ page, items }) => {
  await open(page, `${items.path}?limit=3`);
  const estimate = page.getByRole("columnheader", { name: "estimate" });
  await estimate.getByRole("link").click();
  await expect(estimate).toHaveAttribute("aria-sort", "ascending");
  await estimate.getByRole("link").click();
  await expect(estimate).toHaveAttribute("aria-sort", "descending");
  await expectKeys(page, [120, 119, 118]);
  await expect(page).toHaveURL(/order=estimate\.desc/);

  const done = page.getByRole("columnheader", { name: "done" });
  await done.getByRole("link").click();
  await expectKeys(page, [1, 2, 3]);
  await estimate.getByRole("link").click({ modifiers: ["Shift"] });
  await estimate.getByRole("link").click({ modifiers: ["Shift"] });
  await expectKeys(page, [119, 118, 117]);
  await expect(page).toHaveURL(/order=done(\.asc)?(,|%2C)estimate\.desc/);
});

test("a sorted page stays live", async ({ page, server, items }) => {
  await open(page, `${items.path}?limit=3`);
  await page.getByRole("columnheader", { name: "title" }).getByRole("link").click();
  await expectKeys(page, [1, 10, 100]);
  await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (500, 'A first one')`);
  await expectKeys(page, [500, 1, 10]);
});

test("a filter is added, shown as a chip, and removed", async ({ page, server, items }) => {
  await open(page, items.path);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  const form = page.getByRole("form", { name: "Filter" });
  await form.getByLabel("Column").selectOption("id");
  await form.getByLabel("Operator").selectOption({ label: "≤" });
  await form.getByLabel("Value").fill("3");
  await form.getByRole("button", { name: "Apply" }).click();
  await expectKeys(page, [1, 2, 3]);
  await expectTotal(page, 3);
  await expect(page).toHaveURL(/id=lte\.3/);
  const chips = page.getByRole("list", { name: "Filters" }).getByRole("listitem");
  await expect(chips).toHaveCount(1);

  await server.sql(`UPDATE ${items.name} SET id = 2000 WHERE id = 2`);
  await expectKeys(page, [1, 3]);

  await page.getByRole("button", { name: /^Remove filter id/ }).click();
  await expect(chips).toHaveCount(0);
  await expectTotal(page, 120);
});

test("search finds words in any text column, and goes on finding", async ({ page, server, items }) => {
  await open(page, items.path);
  await page.getByRole("searchbox", { name: "Search" }).fill("ITEM 11");
  const found = [11, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119];
  await expectKeys(page, found);
  await server.sql(`UPDATE ${items.name} SET notes = 'the item of 11' WHERE id = 2`);
  await expectKeys(page, [2, ...found]);
  await expect(page).toHaveURL(/q=ITEM/);
});

test("pages and their size are in the address", async ({ page, items }) => {
  await open(page, items.path);
  await expect(rows(page)).toHaveCount(50);
  await page.getByLabel("Rows per page").selectOption("25");
  await expect(rows(page)).toHaveCount(25);
  await page.getByRole("link", { name: "Next page" }).click();
  await expect(rows(page).first()).toHaveAttribute("data-key", "26");
  await expect(page.getByText("26–50 of 120")).toBeVisible();
  await page.getByRole("link", { name: "Last page" }).click();
  await expect(rows(page)).toHaveCount(20);
  await expect(page.getByRole("link", { name: "Next page" })).toHaveAttribute("aria-disabled", "true");
  await page.getByRole("link", { name: "First page" }).click();
  await expect(rows(page).first()).toHaveAttribute("data-key", "1");
});

test("back and forward return to what was shown", async ({ page, server, items }) => {
  await open(page, `${items.path}?limit=3`);
  await page.getByRole("columnheader", { name: "id" }).getByRole("link").click();
  await page.getByRole("columnheader", { name: "id" }).getByRole("link").click();
  await expectKeys(page, [120, 119, 118]);
  await page.getByRole("link", { name: "Next page" }).click();
  await expectKeys(page, [117, 116, 115]);
  await page.goBack();
  await expectKeys(page, [120, 119, 118]);
  await page.goForward();
  await expectKeys(page, [117, 116, 115]);
  await server.sql(`DELETE FROM ${items.name} WHERE id = 119`);
  await expectKeys(page, [116, 115, 114]);
});

test("a wrong query says what is wrong", async ({ page, items }) => {
  await page.goto(`${items.path}?colour=eq.red`);
  await expect(page.getByRole("alert")).toContainText("colour");
});
