import type { Page } from "@playwright/test";
import { cell, expect, expectKeys, expectLive, open, test } from "../fixtures";

const head = (page: Page, name: string) => page.getByRole("columnheader", { name, exact: true });
const order = (page: Page) =>
  page.locator("th[data-column]").evaluateAll((all) => all.map((head) => head.getAttribute("data-column")));
const width = (page: Page, name: string) =>
  head(page, name).evaluate((element) => Math.round(element.getBoundingClientRect().width));

async function menu(page: Page, column: string): Promise<void> {
  await head(page, column).hover();
  await page.getByRole("button", { name: `Menu of ${column}` }).click();
}

test("a column's menu sorts, hides, pins, moves and widens it, and the address says so", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  expect(await order(page)).toEqual(["id", "title", "notes", "done", "estimate", "created_at"]);
  await menu(page, "estimate");
  await page.getByRole("link", { name: "Sort descending" }).click();
  await expectKeys(page, [120, 119, 118, 117, 116]);

  await menu(page, "notes");
  await page.getByRole("button", { name: "Hide" }).click();
  await expect(head(page, "notes")).toHaveCount(0);
  await expect(cell(page, 120, "notes")).toHaveCount(0);
  await expect(page).toHaveURL(/~columns=id,title,-notes/);

  await menu(page, "done");
  await page.getByRole("button", { name: "Move left" }).click();
  await expect.poll(() => order(page)).toEqual(["id", "done", "title", "estimate", "created_at"]);

  await menu(page, "estimate");
  await page.getByRole("button", { name: "Pin" }).click();
  await expect.poll(() => order(page)).toEqual(["estimate", "id", "done", "title", "created_at"]);

  await menu(page, "title");
  await page.getByLabel("Width").fill("333");
  await page.getByLabel("Width").press("Enter");
  await expect.poll(() => width(page, "title")).toBe(333);
  await page.keyboard.press("Escape");

  // The address is the whole layout, for whoever opens it, and sorting keeps it.
  await page.reload();
  await expectLive(page);
  await expect.poll(() => order(page)).toEqual(["estimate", "id", "done", "title", "created_at"]);
  expect(await width(page, "title")).toBe(333);
  await head(page, "id").getByRole("link").click();
  await expectKeys(page, [1, 2, 3, 4, 5]);
  expect(await order(page)).toEqual(["estimate", "id", "done", "title", "created_at"]);
});

test("hidden columns come back, and rows stand closer together", async ({ page, items }) => {
  await open(page, `${items.path}?limit=5&~columns=id,-title,-notes`);
  expect(await order(page)).toEqual(["id", "done", "estimate", "created_at"]);
  await page.getByRole("button", { name: /Columns/ }).click();
  await page.getByRole("checkbox", { name: "title" }).check();
  await expect(head(page, "title")).toBeVisible();
  const before = (await cell(page, 1, "id").boundingBox())?.height ?? 0;
  await page.getByRole("checkbox", { name: "Compact" }).check();
  await expect(page).toHaveURL(/~density=compact/);
  await expect.poll(async () => (await cell(page, 1, "id").boundingBox())?.height).toBeLessThan(before);
  await page.getByRole("button", { name: "Reset" }).click();
  await expect(page).not.toHaveURL(/~/);
  expect(await order(page)).toEqual(["id", "title", "notes", "done", "estimate", "created_at"]);
});

test("edges and heads are dragged", async ({ page, items }) => {
  await open(page, `${items.path}?limit=5`);
  const before = await width(page, "title");
  const edge = await head(page, "title").boundingBox();
  if (!edge) throw new Error("no head");
  await page.mouse.move(edge.x + edge.width - 1, edge.y + 10);
  await page.mouse.down();
  await page.mouse.move(edge.x + edge.width + 59, edge.y + 10, { steps: 4 });
  expect(await width(page, "title")).toBe(before + 60);
  await page.mouse.up();
  await expect(page).toHaveURL(new RegExp(`title:${before + 60}`));
  await page.mouse.dblclick(edge.x + edge.width + 59, edge.y + 10);
  await expect.poll(() => width(page, "title")).toBe(before);

  const from = await head(page, "done").boundingBox();
  const to = await head(page, "notes").boundingBox();
  if (!from || !to) throw new Error("no head");
  await page.mouse.move(from.x + 30, from.y + 10);
  await page.mouse.down();
  await page.mouse.move(to.x + 20, to.y + 10, { steps: 6 });
  await page.mouse.up();
  await expect.poll(() => order(page)).toEqual(["id", "title", "done", "notes", "estimate", "created_at"]);
  // It was no click: nothing is sorted.
  await expect(page).not.toHaveURL(/order=/);
});

test("columns are laid out by keyboard alone", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  await cell(page, 1, "title").click();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Control+Shift+ArrowRight");
  await expect.poll(() => order(page)).toEqual(["id", "notes", "title", "done", "estimate", "created_at"]);
  await expect(head(page, "title").getByRole("link")).toBeFocused();
  const before = await width(page, "title");
  await page.keyboard.press("Shift+ArrowRight");
  await expect.poll(() => width(page, "title")).toBe(before + 16);
  await expect(head(page, "title").getByRole("link")).toBeFocused();
  await page.keyboard.press("Alt+ArrowDown");
  await expect(page.getByRole("link", { name: "Sort ascending" })).toBeFocused();
  for (let line = 0; line < 6; line++) await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("button", { name: "Hide" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(head(page, "title")).toHaveCount(0);
});

test("what a menu filters by is filled in", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  await menu(page, "id");
  await page.getByRole("button", { name: "Filter by this column…" }).click();
  const form = page.getByRole("form", { name: "Filter" });
  await expect(form.getByLabel("Column")).toHaveValue("id");
  await form.getByLabel("Operator").selectOption({ label: "≤" });
  await form.getByLabel("Value").fill("2");
  await form.getByRole("button", { name: "Apply" }).click();
  await expectKeys(page, [1, 2]);
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a layout in the address is shown", async ({ page, items }) => {
    await page.goto(`${items.path}?limit=5&~columns=title:300,done!,-notes`);
    expect(await order(page)).toEqual(["done", "title", "id", "estimate", "created_at"]);
    expect(await width(page, "title")).toBe(300);
    await expectKeys(page, [1, 2, 3, 4, 5]);
    await page.getByRole("link", { name: "Next page" }).click();
    await expectKeys(page, [6, 7, 8, 9, 10]);
    expect(await order(page)).toEqual(["done", "title", "id", "estimate", "created_at"]);
  });
});
