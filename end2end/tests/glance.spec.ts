import type { Locator, Page } from "@playwright/test";
import { cell, expect, expectKeys, expectLive, expectNoSeriousViolation, expectTotal, open, test } from "../fixtures";

const head = (page: Page, name: string) => page.getByRole("columnheader", { name, exact: true });
const charts = (page: Page) => page.getByRole("region", { name: "Charts" });
const chart = (page: Page, name: string) => page.getByRole("article", { name: `Chart of ${name}` });
const figure = (page: Page, name: string) => page.locator(`[data-aggregate="${name}"]`);

async function menu(page: Page, column: string): Promise<Locator> {
  await head(page, column).hover();
  await page.getByRole("button", { name: `Menu of ${column}` }).click();
  return page.getByRole("group", { name: `Column ${column}` });
}

test("a column's menu sums it up below the rows, live, and the address says so", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id&limit=4&~format=estimate:currency(EUR)`);
  await (await menu(page, "estimate")).getByLabel("Summary").selectOption("Sum");
  await expect(figure(page, "sum(estimate)")).toHaveText(/sum\s*€9,075\.00/);
  await expect(page).toHaveURL(/aggregate=sum\(estimate\)/);
  await page.keyboard.press("Escape");
  await (await menu(page, "done")).getByLabel("Summary").selectOption("Rows of each value");
  await expect(figure(page, "count_by(done)")).toContainText("false 90 · true 30");
  await server.sql(`UPDATE ${items.name} SET estimate = estimate + 100, done = true WHERE id = 101`);
  await expect(figure(page, "sum(estimate)")).toContainText("€9,175.00");
  await expect(figure(page, "count_by(done)")).toContainText("true 31");
  // What can't be summed up is not offered.
  await page.keyboard.press("Escape");
  const summary = (await menu(page, "title")).getByLabel("Summary");
  expect(await summary.locator("option").allTextContents()).toEqual([
    "None",
    "Minimum",
    "Maximum",
    "Count of values",
    "Different values",
    "Rows of each value",
  ]);
  await page.keyboard.press("Escape");
  await (await menu(page, "estimate")).getByLabel("Summary").selectOption("None");
  await expect(figure(page, "sum(estimate)")).toHaveCount(0);
  await page.goBack();
  await expect(figure(page, "sum(estimate)")).toBeVisible();
});

test("charts filter on click, follow changes, and are in the address", async ({ page, context, server, items }) => {
  await open(page, `${items.path}?order=id&limit=3`);
  await page.getByRole("button", { name: "Charts", exact: true }).click();
  const done = chart(page, "done");
  await expect(done.getByRole("button", { name: "false 90 rows" })).toBeVisible();
  await expect(chart(page, "estimate").getByRole("button", { name: /rows?$/ }).first()).toBeVisible();
  await expect(page).toHaveURL(/~charts=done,/);

  await done.getByRole("button", { name: "true 30 rows" }).click();
  await expectKeys(page, [4, 8, 12]);
  await expectTotal(page, 30);
  await expect(done.getByRole("button", { name: "true 30 rows" })).toHaveAttribute("aria-pressed", "true");
  // The other bars stay to choose from, and the other charts are of what is left.
  await expect(done.getByRole("button", { name: "false 90 rows" })).toBeVisible();
  const counts = chart(page, "estimate").getByRole("button", { name: /: \d+ rows?$/ });
  await expect
    .poll(async () => {
      const names = await counts.evaluateAll((all) => all.map((bar) => bar.getAttribute("aria-label") ?? ""));
      return names.reduce((sum, name) => sum + Number(/: (\d+) rows?$/.exec(name)?.[1]), 0);
    })
    .toBe(30);

  // Another person's change arrives by itself.
  const other = await context.newPage();
  await open(other, `${items.path}?order=id&limit=3&done=is.true`);
  await server.sql(`DELETE FROM ${items.name} WHERE id = 4`);
  await expectKeys(other, [8, 12, 16]);
  await expect(done.getByRole("button", { name: "true 29 rows" })).toBeVisible();
  await other.close();

  await done.getByRole("button", { name: "true 29 rows" }).click();
  await expectTotal(page, 119);
  await page.reload();
  await expectLive(page);
  await expect(done.getByRole("button", { name: "false 90 rows" })).toBeVisible();
  await done.getByRole("button", { name: "Close chart of done" }).click();
  await expect(done).toHaveCount(0);
  await page.getByRole("button", { name: "Close charts" }).click();
  await expect(charts(page)).toHaveCount(0);
  await expect(page).not.toHaveURL(/~charts/);
});

test("charts are opened, added and walked by keyboard alone", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=3`);
  await (await menu(page, "notes")).getByRole("button", { name: "Chart" }).click();
  const notes = chart(page, "notes");
  const first = notes.getByRole("button", { name: /row/ }).first();
  await expect(first).toHaveAccessibleName("(empty) 16 rows");
  await notes.getByRole("button", { name: "Close chart of notes" }).focus();
  await page.keyboard.press("Tab");
  await expect(first).toBeFocused();
  await page.keyboard.press("End");
  await expect(notes.getByRole("button", { name: "NULL 40 rows" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expectTotal(page, 40);
  await expectKeys(page, [3, 6, 9]);
  // One stop for all bars: the next is behind the chart.
  await page.keyboard.press("Tab");
  const add = page.getByLabel("Add a chart");
  await expect(add).toBeFocused();
  await add.selectOption("estimate");
  await expect(chart(page, "estimate").getByRole("button", { name: /rows?$/ }).first()).toBeVisible();
  await expect(add).toHaveValue("");
  await expect(page).toHaveURL(/~charts=notes,estimate/);
});

test("a chart that can't be had says why", async ({ page, items }) => {
  await page.route("**/api/chart/**", (route) =>
    route.fulfill({ status: 422, json: { error: { code: "too_slow", message: "This takes too long.", hint: "" } } }),
  );
  await open(page, `${items.path}?limit=3&~charts=done,gone`);
  await expect(chart(page, "done")).toContainText("This takes too long.");
  await expect(chart(page, "gone")).toContainText("This column is no longer there.");
});

test("a line shows how busy the table is", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  const line = page.getByRole("img", { name: /in the last minute/ });
  await expect(line).toHaveAccessibleName("No changes in the last minute");
  const flat = await line.locator("polyline").getAttribute("points");
  await server.sql(`UPDATE ${items.name} SET title = 'busy' WHERE id <= 3`);
  await expect(cell(page, 3, "title")).toHaveText("busy");
  await expect(line).toHaveAccessibleName(/^3 changes in the last minute/);
  expect(await line.locator("polyline").getAttribute("points")).not.toBe(flat);
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("charts, footers and the menu have no serious violation", async ({ page, items }) => {
      await open(page, `${items.path}?limit=9&done=is.true&aggregate=sum(estimate)&~charts=done,created_at,estimate`);
      await expect(chart(page, "estimate").getByRole("button", { name: /rows?$/ }).first()).toBeVisible();
      await expect(chart(page, "done").getByRole("button", { name: /rows?$/ }).first()).toBeVisible();
      await expectNoSeriousViolation(page);
      await menu(page, "estimate");
      await expectNoSeriousViolation(page);
    });
  });
}

test("on a narrow screen nothing is wider than the page", async ({ page, items }) => {
  await page.setViewportSize({ width: 390, height: 800 });
  await open(page, `${items.path}?limit=9&~charts=done,estimate`);
  await expect(chart(page, "done").getByRole("button", { name: /rows?$/ }).first()).toBeVisible();
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBe(0);
});
