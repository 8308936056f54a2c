import { cell, expect, expectNoSeriousViolation, open, test } from "../fixtures";

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("the start page has no serious violation", async ({ page, items }) => {
      await page.goto("/");
      await expect(page.getByRole("link", { name: items.name })).toBeVisible();
      await expectNoSeriousViolation(page);
    });

    test("a table's page has no serious violation", async ({ page, items }) => {
      await open(page, `${items.path}?done=is.false&order=estimate.desc,id`);
      await expectNoSeriousViolation(page);
      await page.getByRole("button", { name: "Filter", exact: true }).click();
      await expectNoSeriousViolation(page);
    });

    test("a grid in use has no serious violation", async ({ page, items }) => {
      await open(page, `${items.path}?limit=9&~columns=id,title!,-notes`);
      await page.locator('tr[data-key="4"] [data-column="title"]').click();
      await page.keyboard.press("Shift+ArrowDown");
      await page.getByRole("checkbox", { name: "Choose row 7" }).check();
      await page.getByRole("button", { name: "Hold" }).click();
      await expectNoSeriousViolation(page);
    });

    test("the menus of columns have no serious violation", async ({ page, items }) => {
      await open(page, `${items.path}?limit=3`);
      await page.getByRole("button", { name: /Columns/ }).click();
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await page.getByRole("columnheader", { name: "title" }).hover();
      await page.getByRole("button", { name: "Menu of title" }).click();
      await expectNoSeriousViolation(page);
    });

    test("values of every kind can be read while they show that they changed", async ({ page, server, items }) => {
      const name = `${items.name}_kinds`;
      await server.sql(`
        CREATE TYPE ${name}_state AS ENUM ('open', 'shut', 'lost');
        CREATE TABLE ${name} (id int PRIMARY KEY, word text, number numeric, code uuid, bytes bytea, doc jsonb, list int[],
          at timestamptz, day date, done boolean, state ${name}_state, item int REFERENCES ${items.name},
          site text, story text, secret text, share int, team text);
        INSERT INTO ${name} (id) SELECT n FROM generate_series(1, 3) n;
        INSERT INTO ${name} (id, word, number, state, secret, site) VALUES (4, 'a', 1, 'lost', 'b', 'c')`);
      await server.sql("SELECT rowcast.watch($1::text::regclass)", [name]);
      try {
        // What takes marks off again comes long after the test.
        await page.addInitScript(() => {
          const wait = window.setTimeout;
          const late = (then: TimerHandler, after?: number, ...rest: unknown[]) =>
            wait(then, after === 1_000 ? 3_600_000 : after, ...rest);
          Object.assign(window, { setTimeout: late });
        });
        const formats = "site:link,story:markdown,secret:masked,share:progress(100),team:badge";
        await page.setViewportSize({ width: 2560, height: 800 });
        await open(page, `/tables/${name}?order=id&limit=10&~format=${formats}`);
        await server.sql(`BEGIN;
          UPDATE ${name} SET word = 'words', number = 1234.5, code = gen_random_uuid(), bytes = '\\x00ff', doc = '{"a": [1]}',
            list = '{1,2}', at = now(), day = now(), done = id = 1, state = (enum_range(NULL::${name}_state))[id], item = id,
            site = 'https://a.example', story = '**a** \`b\` [c](https://a.example) ~~d~~', secret = 'hush', share = 40, team = 'north'
            WHERE id < 3;
          UPDATE ${name} SET word = '', secret = '', doc = 'null' WHERE id = 3;
          UPDATE ${name} SET word = NULL, number = NULL, state = NULL, secret = NULL, site = NULL WHERE id = 4; COMMIT`);
        const marked = page.locator(".v.flash");
        await expect(marked).toHaveCount(2 * 16 + 3 + 5);
        await expect(cell(page, 4, "state").locator(".v.flash .null")).toBeVisible();
        await expect(cell(page, 1, "item").locator(".v.flash a")).toBeVisible();
        await expectNoSeriousViolation(page);
        await expect(marked).toHaveCount(2 * 16 + 3 + 5);
      } finally {
        await page.goto("about:blank");
        await server.sql(`DROP TABLE ${name}; DROP TYPE ${name}_state`);
      }
    });

    test("an error and an empty table have no serious violation", async ({ page, server, items }) => {
      await page.goto(`${items.path}?nothing=eq.1`);
      await expect(page.getByRole("alert")).toBeVisible();
      await expectNoSeriousViolation(page);
      await server.sql(`TRUNCATE ${items.name}`);
      await open(page, items.path);
      await expectNoSeriousViolation(page);
    });
  });
}

for (const width of [360, 768, 1280, 2560]) {
  test(`nothing is wider than the page at ${width} pixels`, async ({ page, items }) => {
    await page.setViewportSize({ width, height: 800 });
    for (const address of ["/", items.path]) {
      await page.goto(address);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBe(0);
    }
  });
}
