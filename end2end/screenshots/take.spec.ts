import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Page } from "@playwright/test";
import { cell, expect, open, test } from "../fixtures";
import type { Server } from "../server";

const root = resolve(import.meta.dirname, "../..");
const wide = { width: 1280, height: 720 };
const narrow = { width: 390, height: 720 };
const address = "/tables/todo_items?done=is.false&order=priority.desc,due,id";
// To look at every state another way: SHOTS=DIRECTORY, with NARROW=1 and THEME=dark.
const { SHOTS = join(root, "docs/screenshots"), NARROW, THEME } = process.env;

test.use({ viewport: NARROW ? narrow : wide, deviceScaleFactor: 1.5, colorScheme: THEME === "dark" ? "dark" : "light" });

/** The demo's tables, with the same rows each time. */
async function fill(server: Server): Promise<void> {
  const [{ there }] = await server.sql("SELECT to_regclass('todo_items') IS NOT NULL AS there");
  if (there) return;
  await server.sql(readFileSync(join(root, "server/src/demo/tables.sql"), "utf8"));
  await server.sql(`
    INSERT INTO people (name, email, team, city, joined)
    SELECT name, lower(name) || '@example.org', team, city, date '2024-02-01' + n::int * 17
    FROM unnest(
      ARRAY['Ann','Farah','Jonas','Mei','Oleg','Priya','Tom','Zofia'],
      ARRAY['Product','Product','Design','Platform','Platform','Support','Sales','Design'],
      ARRAY['Oslo','Lyon','Graz','Taipei','Riga','Pune','Cork','Gdynia']) WITH ORDINALITY AS of (name, team, city, n)`);
  await server.sql(`
    INSERT INTO todo_items (title, notes, done, priority, due, assignee, estimate, tags, created_at, updated_at)
    SELECT (ARRAY['Review','Draft','Fix','Call','Translate','Check','Book','Compare'])[1 + n % 8] || ' the '
             || (ARRAY['quarterly newsletter','login redirect','privacy notice','coffee machine lease','security training',
                       'case study','renewal of certificates'])[1 + n % 7],
           CASE n % 3 WHEN 0 THEN 'Ask Farah about the budget first.' WHEN 1 THEN 'Agreed in the weekly: keep it simple.' END,
           n % 4 = 0, (enum_range(NULL::todo_priority))[1 + n * 7 % 4], date '2026-11-10' + n * 13 % 60,
           nullif(n % 9, 0), n % 40 * 0.25, ARRAY[(ARRAY['web','mail','office'])[1 + n % 3]],
           timestamptz '2026-11-01 08:00+00' + n * interval '47 min', timestamptz '2026-11-20 08:00+00'
    FROM generate_series(1, 400) AS n`);
  await server.sql("SELECT rowcast.watch('todo_items'), rowcast.watch('people')");
}

const take = (page: Page, name: string) =>
  page.screenshot({ path: join(SHOTS, `${name}.png`), animations: "disabled" });

/** The key of the row at that place. */
const keyAt = async (page: Page, at: number) =>
  Number(await page.locator("tr[data-key]").nth(at).getAttribute("data-key"));

test.beforeEach(({ server }) => fill(server));

for (const theme of ["light", "dark"] as const) {
  test.describe(theme, () => {
    test.use({ colorScheme: theme });
    const suffix = theme === "dark" ? "-dark" : "";

    test("a table while it changes", async ({ page, server }) => {
      await open(page, address);
      const key = await keyAt(page, 5);
      await server.sql("UPDATE todo_items SET estimate = estimate + 1, updated_at = now() WHERE id = $1", [key]);
      await expect(cell(page, key, "estimate").locator(".flash")).toBeVisible();
      await take(page, `table${suffix}`);
    });
  });
}

test("a narrow screen", async ({ page }) => {
  await page.setViewportSize(narrow);
  await open(page, address);
  await take(page, "narrow");
});

test("the palette", async ({ page }) => {
  await open(page, address);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /^Find a command/ }).fill("ro");
  await expect(page.getByRole("option", { name: /Duplicate row/ })).toBeVisible();
  await take(page, "palette");
});

test("the filter panel with a group in a group", async ({ page }) => {
  await open(page, "/tables/todo_items?done=is.false&or=(priority.eq.urgent,and(due.lt.2026-12-01,title.ilike.*newsletter*))&order=due,id");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  const form = page.getByRole("form", { name: "Filter" });
  await expect(form.getByRole("group", { name: "Condition", exact: true })).toHaveCount(4);
  await take(page, "filter");
  await form.getByRole("button", { name: "As text" }).click();
  await expect(form.getByLabel("Filter as text")).toBeVisible();
  await take(page, "filter-text");
});

test("the menu of a cell", async ({ page }) => {
  await open(page, address);
  const title = cell(page, await keyAt(page, 3), "title");
  await title.click();
  await expect(title).toBeFocused();
  await page.keyboard.press("Shift+F10");
  await expect(page.getByRole("menu", { name: "Cell of title" }).getByRole("menuitem").first()).toBeFocused();
  await take(page, "cell-menu");
});

test("rows chosen together, and a value for them", async ({ page }) => {
  await open(page, address);
  for (const at of [1, 2, 4]) {
    await page.getByRole("checkbox", { name: `Choose row ${await keyAt(page, at)}`, exact: true }).click();
  }
  const bar = page.getByRole("toolbar", { name: "Selected rows" });
  await expect(bar).toBeVisible();
  await take(page, "bulk");
  await bar.getByRole("button", { name: "Set value…" }).click();
  await expect(page.getByRole("dialog").getByRole("heading")).toHaveText("Set a value in 3 rows");
  await take(page, "bulk-set");
});

test("export", async ({ page }) => {
  await open(page, address);
  await page.getByRole("button", { name: "Export" }).click();
  await expect(page.getByRole("dialog").getByRole("heading", { name: "Export" })).toBeVisible();
  await take(page, "export");
});

test("import, with a line that can't be read", async ({ page }) => {
  await open(page, address);
  await page.getByRole("button", { name: "Import" }).click();
  const dialog = page.getByRole("dialog");
  const content = "Title;due;priority;who\nBook the train;2026-12-01;high;Ann\nWater the plants;someday;low;Tom\n";
  await dialog.getByLabel("File").setInputFiles({ name: "todo.csv", mimeType: "text/csv", buffer: Buffer.from(content) });
  await expect(dialog.getByRole("region", { name: "Problems" })).toContainText("Line 3, due");
  await take(page, "import");
});

test("charts", async ({ page }) => {
  await open(page, address);
  await page.getByRole("button", { name: "Charts", exact: true }).click();
  const charts = page.getByRole("region", { name: "Charts" });
  await expect(charts.getByRole("article").first().getByRole("button").first()).toBeVisible();
  await expect(charts.locator(".skeleton")).toHaveCount(0);
  await take(page, "charts");
});

test("the name and format of a column", async ({ page }) => {
  await open(page, address);
  await page.getByRole("columnheader", { name: "estimate", exact: true }).hover();
  await page.getByRole("button", { name: "Menu of estimate" }).click();
  await take(page, "column-menu");
  await page.getByRole("button", { name: "Name and format…" }).click();
  const dialog = page.getByRole("dialog", { name: /^Name and format of/ });
  await dialog.getByLabel("Format").selectOption("Currency");
  await expect(dialog.getByRole("listitem").first()).toHaveText(/€/);
  await take(page, "format");
});

test("a row in its dialog", async ({ page }) => {
  await open(page, address);
  const title = cell(page, await keyAt(page, 2), "title");
  await title.click();
  await page.keyboard.press("Alt+Enter");
  await expect(page.getByRole("dialog").getByLabel("title")).toBeVisible();
  await take(page, "row");
});

test("somebody else in a cell, and the saved views", async ({ page, browser, server }) => {
  await server.sql(
    `INSERT INTO rowcast.saved_view (table_path, name, query, is_default)
     SELECT 'todo_items', name, query, false FROM (VALUES ('Urgent', 'priority=eq.urgent'), ('Due this week', 'due=lte.2026-11-28')) AS of (name, query)
     WHERE NOT EXISTS (SELECT FROM rowcast.saved_view)`,
  );
  const context = await browser.newContext({ baseURL: server.url });
  await context.addInitScript(() => localStorage.setItem("rowcast.name", "Ann Lee"));
  const ann = await context.newPage();
  await open(page, address);
  await open(ann, address);
  const key = await keyAt(page, 8);
  await cell(ann, key, "title").dblclick();
  await expect(cell(page, key, "title")).toHaveAttribute("title", /Ann Lee/);
  await page.locator(".views-button").click();
  await expect(page.getByRole("group", { name: "Saved views" }).getByText("Urgent")).toBeVisible();
  await take(page, "views");
  await context.close();
});
