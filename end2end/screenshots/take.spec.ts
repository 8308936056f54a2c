import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Page } from "@playwright/test";
import { cell, expect, open, test } from "../fixtures";
import type { Server } from "../server";

const root = resolve(import.meta.dirname, "../..");
const wide = { width: 1280, height: 720 };
const narrow = { width: 390, height: 720 };
const address = "/tables/todo_items?done=is.false&order=priority.desc,due,id";

test.use({ viewport: wide, deviceScaleFactor: 1.5 });

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
  page.screenshot({ path: join(root, `docs/screenshots/${name}.png`), animations: "disabled" });

test.beforeEach(({ server }) => fill(server));

for (const theme of ["light", "dark"] as const) {
  test.describe(theme, () => {
    test.use({ colorScheme: theme });
    const suffix = theme === "dark" ? "-dark" : "";

    test("a table while it changes", async ({ page, server }) => {
      await open(page, address);
      const key = Number(await page.locator("tr[data-key]").nth(5).getAttribute("data-key"));
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
