import type { Page } from "@playwright/test";
import { cell, expect, expectKeys, expectTotal, keys, open, row, test } from "../fixtures";

const bar = (page: Page) =>
  page.getByRole("group", { name: "Waiting changes" }).filter({ hasText: /new|moved|gone/ });

test("while the list is held values change and rows stay, and what waits is said", async ({
  page,
  context,
  server,
  items,
}) => {
  const other = await context.newPage();
  await open(page, `${items.path}?order=id&limit=5`);
  await open(other, `${items.path}?order=id&limit=5`);
  const hold = page.getByRole("button", { name: "Hold" });
  await hold.click();
  await expect(hold).toHaveAttribute("aria-pressed", "true");

  await server.sql(`UPDATE ${items.name} SET title = 'Now' WHERE id = 2`);
  await expect(cell(page, 2, "title")).toHaveText("Now");

  await server.sql(`BEGIN;
    INSERT INTO ${items.name} (id, title) VALUES (-1, 'New'), (0, 'New too');
    DELETE FROM ${items.name} WHERE id = 3; COMMIT`);
  await expectKeys(other, [-1, 0, 1, 2, 4]);
  await expect(bar(page)).toContainText("2 new · 1 gone");
  expect(await keys(page)).toEqual([1, 2, 3, 4, 5]);
  await expect(row(page, 3)).toHaveClass(/gone/);
  await expectTotal(page, 121);

  await page.getByRole("button", { name: "Show" }).click();
  await expectKeys(page, [-1, 0, 1, 2, 4]);
  await expect(bar(page)).toHaveCount(0);
  await expect(hold).toHaveAttribute("aria-pressed", "true");

  await server.sql(`DELETE FROM ${items.name} WHERE id = -1`);
  await expect(bar(page)).toContainText("1 gone");
  await hold.click();
  await expectKeys(page, [0, 1, 2, 4, 5]);
});

test("a row that changes its place while the list is held has moved", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=estimate.desc,id&id=lte.5`);
  await expectKeys(page, [5, 4, 3, 2, 1]);
  await page.getByRole("button", { name: "Hold" }).click();
  await server.sql(`UPDATE ${items.name} SET estimate = 500 WHERE id = 1`);
  await expect(bar(page)).toContainText("1 moved");
  await expect(cell(page, 1, "estimate")).toHaveText("500.00");
  expect(await keys(page)).toEqual([5, 4, 3, 2, 1]);
  await page.getByRole("button", { name: "Show" }).click();
  await expectKeys(page, [1, 5, 4, 3, 2]);
});

test("the focus stays with its row wherever that moves", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=estimate.desc,id&id=lte.5`);
  await cell(page, 2, "notes").click();
  await expect(cell(page, 2, "notes")).toBeFocused();
  await server.sql(`UPDATE ${items.name} SET estimate = 500 WHERE id = 2`);
  await expectKeys(page, [2, 5, 4, 3, 1]);
  await expect(cell(page, 2, "notes")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(cell(page, 5, "notes")).toBeFocused();

  // A row that leaves gives the focus to the one that takes its place.
  await server.sql(`DELETE FROM ${items.name} WHERE id = 5`);
  await expectKeys(page, [2, 4, 3, 1]);
  await expect(cell(page, 4, "notes")).toBeFocused();
});

test("rows stay where they are while several cells are chosen, and go on when not", async ({
  page,
  server,
  items,
}) => {
  await open(page, `${items.path}?order=id&limit=5`);
  await cell(page, 1, "title").click();
  await page.keyboard.press("Shift+ArrowDown");
  await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (0, 'New')`);
  await expect(bar(page)).toContainText("1 new");
  expect(await keys(page)).toEqual([1, 2, 3, 4, 5]);
  await page.keyboard.press("Escape");
  await expectKeys(page, [0, 1, 2, 3, 4]);
});

test("a list that is scrolled stays where it is, and goes on at its top", async ({ page, server, items }) => {
  await open(page, items.path + "?order=id");
  const scroller = page.locator("main.rows");
  await scroller.evaluate((element) => (element.scrollTop = 900));
  const top = async () => (await row(page, 40).boundingBox())?.y;
  await expect.poll(top).toBeLessThan(700);
  const before = await top();
  await server.sql(`INSERT INTO ${items.name} (id, title) SELECT -n, 'New' FROM generate_series(1, 7) n`);
  await expect(bar(page)).toContainText("7 new");
  expect(await top()).toBe(before);

  // Shown, they stand before what is seen, which stays where it is.
  await page.getByRole("button", { name: "Show" }).click();
  await expect(bar(page)).toHaveCount(0);
  expect(await top()).toBe(before);
  await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (-8, 'New')`);
  await expect(bar(page)).toContainText("1 new");
  // A leap to the top is one to the first row, also before the rows that came have their room.
  await scroller.evaluate((element) => (element.scrollTop = 0));
  await expect.poll(async () => (await keys(page)).slice(0, 3)).toEqual([-8, -7, -6]);
});

test("rows wait while the pointer goes over them", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  const box = await row(page, 3).boundingBox();
  if (!box) throw new Error("no row");
  await page.mouse.move(box.x + 200, box.y + 10);
  await page.mouse.down();
  await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (0, 'New')`);
  await expect(bar(page)).toContainText("1 new");
  expect(await keys(page)).toEqual([1, 2, 3, 4, 5]);
  await page.mouse.up();
  // Once it rests.
  await expectKeys(page, [0, 1, 2, 3, 4]);
});
