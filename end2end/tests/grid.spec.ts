import type { Page } from "@playwright/test";
import { cell, expect, expectKeys, expectTotal, keys, open, row, rows, test } from "../fixtures";

const grid = (page: Page, name: string) => page.getByRole("grid", { name });

async function many(server: { sql(text: string, values?: unknown[]): Promise<unknown> }, name: string, rows: number) {
  await server.sql(`INSERT INTO ${name} (id, title) SELECT n, 'Item ' || n FROM generate_series(121, ${rows}) AS n;
    ANALYZE ${name}`);
}

test("a grid is one stop of the tab key, and arrows go through it", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=30`);
  await expect(grid(page, items.name)).toBeVisible();
  await page.getByRole("button", { name: "Columns" }).focus();
  await page.keyboard.press("Tab");
  await expect(cell(page, 1, "id")).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  await expect(cell(page, 2, "title")).toBeFocused();
  await page.keyboard.press("End");
  await expect(cell(page, 2, "created_at")).toBeFocused();
  await page.keyboard.press("Home");
  await expect(cell(page, 2, "id")).toBeFocused();
  await page.keyboard.press("Control+End");
  await expect(cell(page, 30, "created_at")).toBeFocused();
  await expect(cell(page, 30, "created_at")).toBeInViewport({ ratio: 1 });
  await page.keyboard.press("Control+Home");
  await expect(cell(page, 1, "id")).toBeFocused();
  await page.keyboard.press("PageDown");
  const [below] = await page.evaluate(() => [document.activeElement?.parentElement?.getAttribute("data-key")]);
  expect(Number(below)).toBeGreaterThan(15);
  await page.keyboard.press("PageUp");
  await expect(cell(page, 1, "id")).toBeFocused();
  // Leaves, and comes back to where it was.
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Hold" })).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await expect(cell(page, 2, "id")).toBeFocused();
});

test("heads are reached from the first row, and sort", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  await cell(page, 1, "estimate").click();
  await page.keyboard.press("ArrowUp");
  const head = page.getByRole("columnheader", { name: "estimate" });
  await expect(head.getByRole("link")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(head).toHaveAttribute("aria-sort", "ascending");
  await page.keyboard.press("ArrowLeft");
  await expect(page.getByRole("columnheader", { name: "done" }).getByRole("link")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(cell(page, 1, "done")).toBeFocused();
});

test("a long result is scrolled through, with few rows in the document, all live", async ({ page, server, items }) => {
  await many(server, items.name, 5_000);
  await open(page, `${items.path}?order=id`);
  await expectTotal(page, 5_000);
  const scroller = page.locator("main.rows");
  for (const place of [0.1, 0.5, 0.98, 0.3]) {
    await scroller.evaluate((element, place) => (element.scrollTop = place * element.scrollHeight), place);
    const id = Math.round(place * 5_000) + 10;
    await expect(row(page, id)).toBeInViewport();
    expect(await rows(page).count()).toBeLessThan(120);
    await server.sql(`UPDATE ${items.name} SET title = 'Changed ' || id WHERE id = ${id}`);
    await expect(cell(page, id, "title")).toHaveText(`Changed ${id}`);
  }
  await expect(grid(page, items.name)).toHaveAttribute("aria-rowcount", "5001");
  await expect(row(page, 1510)).toHaveAttribute("aria-rowindex", "1511");
  await expect(page.getByText(/^1,\d\d\d–1,\d\d\d of 5,000/)).toBeVisible();
});

test("the keyboard goes through a long result", async ({ page, server, items }) => {
  await many(server, items.name, 5_000);
  await open(page, `${items.path}?order=id`);
  await cell(page, 1, "title").click();
  await page.keyboard.press("Control+End");
  await expect(cell(page, 5_000, "created_at")).toBeFocused();
  await expect(cell(page, 5_000, "created_at")).toBeInViewport({ ratio: 1 });
  await page.keyboard.press("ArrowUp");
  await expect(cell(page, 4_999, "created_at")).toBeFocused();
  for (let turn = 0; turn < 20; turn++) await page.keyboard.press("PageUp");
  const at = () => page.evaluate(() => Number(document.activeElement?.parentElement?.getAttribute("data-key")));
  await expect.poll(at).toBeLessThan(4_700);
  await page.keyboard.press("Control+Home");
  await expect(cell(page, 1, "id")).toBeFocused();
});

test("keys that are pressed while no rows come are none of them lost", async ({ page, server, items }) => {
  await many(server, items.name, 5_000);
  // Answers wait here for as long as they are held.
  let held: (() => void)[] | undefined;
  await page.routeWebSocket(/\/api\/ws/, (route) => {
    const upstream = route.connectToServer();
    upstream.onMessage((message) => {
      const pass = () => route.send(message);
      held ? held.push(pass) : pass();
    });
  });
  await open(page, `${items.path}?order=id`);
  await cell(page, 1, "title").click();
  await page.keyboard.press("Control+End");
  await expect(cell(page, 5_000, "created_at")).toBeFocused();
  const at = () => page.evaluate(() => Number(document.activeElement?.parentElement?.getAttribute("data-key")));
  await page.keyboard.press("PageUp");
  await expect.poll(at).toBeLessThan(5_000);
  const screen = 5_000 - (await at());
  expect(screen).toBeGreaterThan(5);
  const first = Math.min(...(await keys(page)));

  const pages = 30;
  const up = 5_000 - (1 + pages) * screen;
  held = [];
  for (let turn = 0; turn < pages; turn++) await page.keyboard.press("PageUp");
  // Rows that are not here are asked for, and none of them has come.
  await expect.poll(() => held?.length).toBeGreaterThan(0);
  expect(up).toBeLessThan(first - 300);
  expect(await at()).toBeGreaterThan(up);
  let waiting: (() => void)[] = held;
  held = undefined;
  for (const pass of waiting) pass();
  await expect(cell(page, up, "created_at")).toBeFocused();
  await expect(cell(page, up, "created_at")).toBeInViewport({ ratio: 1 });

  // Down, and one row back.
  held = [];
  for (let turn = 0; turn < pages; turn++) await page.keyboard.press("PageDown");
  await page.keyboard.press("ArrowUp");
  await expect.poll(() => held?.length).toBeGreaterThan(0);
  expect(await at()).toBeLessThan(5_000 - screen - 1);
  waiting = held;
  held = undefined;
  for (const pass of waiting) pass();
  await expect(cell(page, 5_000 - screen - 1, "created_at")).toBeFocused();
});

test("a million rows are scrolled through to the last", async ({ page, server, items }) => {
  test.slow();
  await many(server, items.name, 1_000_000);
  await open(page, `${items.path}?order=id`);
  await expectTotal(page, 1_000_000);
  await cell(page, 1, "id").click();
  await page.keyboard.press("Control+End");
  await expect(row(page, 1_000_000)).toBeInViewport({ ratio: 1, timeout: 20_000 });
  await page.keyboard.press("ArrowUp");
  await expect(cell(page, 999_999, "created_at")).toBeFocused();
  const scroller = page.locator("main.rows");
  await scroller.evaluate((element) => (element.scrollTop = element.scrollHeight / 2));
  const seen = async () => (await keys(page)).filter((id) => id > 400_000 && id < 600_000).length;
  await expect.poll(seen, { timeout: 20_000 }).toBeGreaterThan(10);
  await scroller.evaluate((element) => (element.scrollTop = 0));
  await expect(row(page, 1)).toBeInViewport();
});

test("a table that is not live is scrolled through too", async ({ page, server, items }) => {
  await many(server, items.name, 1_000);
  await server.sql("SELECT rowcast.unwatch($1::text::regclass)", [items.name]);
  await page.goto(`${items.path}?order=id`);
  await expect(grid(page, items.name)).toBeVisible();
  await expectTotal(page, 1_000);
  await page.locator("main.rows").evaluate((element) => (element.scrollTop = element.scrollHeight));
  await expect(row(page, 1_000)).toBeInViewport();
});

test("an address with a slice shows that page, and none more", async ({ page, items }) => {
  await open(page, `${items.path}?limit=20&offset=40&order=id`);
  await expectKeys(page, Array.from({ length: 20 }, (_, at) => 41 + at));
  await expect(page.getByRole("link", { name: "Next page" })).toBeVisible();
  await page.getByLabel("Rows per page").selectOption("All");
  await expect(page).not.toHaveURL(/limit|offset/);
  await expect(page.getByRole("link", { name: "Next page" })).toBeHidden();
  await page.locator("main.rows").evaluate((element) => (element.scrollTop = element.scrollHeight));
  await expect(row(page, 120)).toBeInViewport();
  await page.getByLabel("Rows per page").selectOption("50");
  await expect(page).toHaveURL(/limit=50/);
  await expect(rows(page)).toHaveCount(50);
});

test("sorting a list that is scrolled begins at its top", async ({ page, items }) => {
  await open(page, `${items.path}?order=id`);
  await page.locator("main.rows").evaluate((element) => (element.scrollTop = 2_000));
  await expect(row(page, 80)).toBeInViewport();
  await page.getByRole("columnheader", { name: "estimate" }).getByRole("link").click();
  await expect(row(page, 1)).toBeInViewport();
  await page.getByRole("columnheader", { name: "estimate" }).getByRole("link").click();
  await expect(row(page, 120)).toBeInViewport();
});
