import { expect, expectNoSeriousViolation, open, test } from "../fixtures";

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
