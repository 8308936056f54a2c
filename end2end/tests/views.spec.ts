import { connection, expect, expectTotal, open, rows, test } from "../fixtures";

test("a view is a live page of the tables under it", async ({ page, server, items }) => {
  const view = `${items.name}_open`;
  await server.sql(`CREATE VIEW ${view} AS SELECT title, notes IS NULL AS bare FROM ${items.name} WHERE NOT done`);
  try {
    await page.goto("/");
    const listed = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: view }) });
    await expect(listed).toContainText("view");
    await expect(listed).toContainText("live");

    await open(page, `/tables/${view}?order=title&limit=3`);
    await expectTotal(page, 90);
    await expect(rows(page).first()).toContainText("Item 1");
    await server.sql(`UPDATE ${items.name} SET title = 'A first' WHERE id = 7`);
    await expect(rows(page).first()).toContainText("A first");
    await server.sql(`DELETE FROM ${items.name} WHERE id = 7`);
    await expect(rows(page).first()).toContainText("Item 1");
    await expectTotal(page, 89);
  } finally {
    await server.sql(`DROP VIEW ${view}`);
  }
});

test("a view over a table that is not live says how to change that", async ({ page, server, items }) => {
  const view = `${items.name}_all`;
  await server.sql(`CREATE VIEW ${view} AS TABLE ${items.name}`);
  await server.sql("SELECT rowcast.unwatch($1::text::regclass)", [items.name]);
  try {
    await page.goto(`/tables/${view}`);
    await expect(page.getByText(`rowcast watch ${view}`)).toBeVisible();
    await server.sql("SELECT rowcast.watch($1::text::regclass)", [view]);
    await open(page, `/tables/${view}`);
    await expect(connection(page)).toHaveAttribute("data-state", "live");
  } finally {
    await server.sql(`DROP VIEW ${view}`);
  }
});

test("rows leave a page as time passes", async ({ page, server, items }) => {
  await server.sql(`UPDATE ${items.name} SET created_at = now() + interval '5 s' WHERE id = 1`);
  await server.sql(`UPDATE ${items.name} SET created_at = now() + interval '1 h' WHERE id = 2`);
  await open(page, `${items.path}?created_at=gt.now&order=id`);
  await expectTotal(page, 2);
  await expectTotal(page, 1);
  await expect(rows(page)).toHaveCount(1);
});
