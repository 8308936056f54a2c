import type { Page } from "@playwright/test";
import { cell, expect, expectLive, expectNoSeriousViolation, type Items, open, test } from "../fixtures";
import type { Server } from "../server";

const head = (page: Page, name: string) => page.getByRole("columnheader", { name, exact: true });
const dialog = (page: Page) => page.getByRole("dialog", { name: /^Name and format of/ });

async function openDialog(page: Page, column: string): Promise<void> {
  await head(page, column).hover();
  await page.getByRole("button", { name: `Menu of ${column}` }).click();
  await page.getByRole("button", { name: "Name and format…" }).click();
  await expect(dialog(page)).toBeVisible();
}

/** A table with something for each format, and the address that shows it in them. */
async function withFormats(server: Server, items: Items, use: (name: string, address: string) => Promise<void>) {
  const name = `${items.name}_f`;
  await server.sql(`
    CREATE TABLE ${name} (id int PRIMARY KEY, price numeric, share numeric, size bigint, took numeric, progress int,
      day timestamptz, site text, mail text, picture text, story text, secret text, team text);
    COMMENT ON COLUMN ${name}.price IS 'What it costs, with tax';
    INSERT INTO ${name} VALUES
      (1, 1234567.5, 0.125, 1500000, 200, 40, now() - interval '3 days 1 hour', 'https://a.example/b/', 'ann@a.example',
       '/favicon.svg', 'a **bold** [link](https://a.example/c)', 'hush', 'north'),
      (2, NULL, NULL, NULL, NULL, NULL, NULL, 'javascript:alert(1)', 'nobody', 'https://a.example/cat.png',
       '[x](javascript:alert(1)) <b>y</b>', NULL, 'south')`);
  await server.sql("SELECT rowcast.watch($1::text::regclass)", [name]);
  const formats =
    "price:currency(EUR),share:percent,size:bytes,took:duration(s),progress:progress(100),day:relative," +
    "site:link,mail:email,picture:image,story:markdown,secret:masked,team:badge";
  try {
    await use(name, `/tables/${name}?order=id&limit=10&~format=${formats}&~labels=took:Time%20taken`);
  } finally {
    await server.sql(`DROP TABLE ${name}`);
  }
}

test("a column is named and given a format in a dialog, and the address says so", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  await openDialog(page, "estimate");
  const form = dialog(page);
  await expect(form.getByLabel("Name on the page")).toBeFocused();
  await form.getByLabel("Name on the page").fill("Price");
  await form.getByLabel("Description").fill("In the shop");
  await form.getByLabel("Format").selectOption("Currency");
  await expect(form.getByRole("listitem").first()).toHaveText("€1.25");
  await form.getByRole("combobox", { name: "Currency" }).fill("usd");
  await form.getByLabel("Decimals").fill("1");
  await expect(form.getByRole("listitem").first()).toHaveText("$1.3");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form).toHaveCount(0);
  await expect(cell(page, 2, "estimate")).toHaveText("$2.5");
  await expect(page).toHaveURL(/~labels=estimate:Price&~descriptions=estimate:In%20the%20shop&~format=estimate:currency\(USD;1\)/);
  // The dialog gives the focus back.
  await expect(page.getByRole("button", { name: "Menu of Price" })).toBeFocused();

  await page.reload();
  await expectLive(page);
  await expect(cell(page, 2, "estimate")).toHaveText("$2.5");
  await head(page, "Price").hover();
  await page.getByRole("button", { name: "Menu of Price" }).click();
  const menu = page.getByRole("group", { name: "Column Price" });
  await expect(menu).toContainText("In the shop");
  await expect(menu).toContainText("estimate, numeric(6,2)");
  await menu.getByRole("button", { name: "Name and format…" }).click();
  await dialog(page).getByRole("button", { name: "Reset" }).click();
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await expect(head(page, "estimate")).toBeVisible();
  await expect(cell(page, 2, "estimate")).toHaveText("2.50");
  await expect(page).not.toHaveURL(/~/);
});

test("a format is chosen by keyboard alone, and Escape leaves it as it was", async ({ page, items }) => {
  await open(page, `${items.path}?order=id&limit=5`);
  await cell(page, 1, "estimate").click();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Alt+ArrowDown");
  const item = page.getByRole("button", { name: "Name and format…" });
  await expect(page.getByRole("group", { name: "Column estimate" })).toBeVisible();
  await expect(async () => {
    await page.keyboard.press("ArrowDown");
    await expect(item).toBeFocused({ timeout: 200 });
  }).toPass();
  await page.keyboard.press("Enter");
  await expect(dialog(page).getByLabel("Name on the page")).toBeFocused();
  await page.keyboard.type("Nothing");
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toHaveCount(0);
  await expect(head(page, "estimate")).toBeVisible();

  await openDialog(page, "estimate");
  await page.keyboard.type("Hours");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await expect(dialog(page).getByLabel("Format")).toBeFocused();
  await page.keyboard.type("Num");
  await expect(dialog(page).getByLabel("Format")).toHaveValue("number");
  await page.keyboard.press("Tab");
  await page.keyboard.type("0");
  await page.keyboard.press("Enter");
  await expect(head(page, "Hours")).toBeVisible();
  await expect(cell(page, 3, "estimate")).toHaveText("4");
});

test("each format shows its values, and follows them", async ({ page, server, items }) => {
  await withFormats(server, items, async (name, address) => {
    await open(page, address);
    for (const [column, text] of [
      ["price", "€1,234,567.50"],
      ["share", "12.5\u202f%"],
      ["size", "1.50 MB"],
      ["took", "3 min 20 s"],
      ["progress", "40"],
      ["day", "3 days ago"],
      ["site", "a.example/b"],
      ["mail", "ann@a.example"],
      ["story", "a bold link"],
      ["team", "north"],
    ] as const) {
      await expect(cell(page, 1, column)).toHaveText(text);
    }
    await expect(head(page, "Time taken")).toBeVisible();
    await expect(cell(page, 1, "price").locator(".v")).toHaveAttribute("title", "1234567.5");
    await expect(cell(page, 1, "site").getByRole("link")).toHaveAttribute("href", "https://a.example/b/");
    await expect(cell(page, 1, "site").getByRole("link")).toHaveAttribute("rel", "noopener noreferrer");
    await expect(cell(page, 1, "mail").getByRole("link")).toHaveAttribute("href", "mailto:ann@a.example");
    await expect(cell(page, 1, "story").getByRole("link")).toHaveAttribute("href", "https://a.example/c");
    const picture = cell(page, 1, "picture").getByRole("img", { name: "favicon.svg" });
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
    await expect(cell(page, 1, "progress").locator("progress")).toHaveAttribute("value", "40");

    // What would run something is text.
    await expect(cell(page, 2, "site")).toHaveText("javascript:alert(1)");
    await expect(cell(page, 2, "story")).toHaveText("x) <b>y</b>");
    await expect(page.locator('tbody a[href^="javascript"], tbody b')).toHaveCount(0);
    await expect(cell(page, 2, "picture").getByRole("link")).toHaveText("cat.png");
    await expect(cell(page, 2, "price")).toHaveText("NULL");

    await server.sql(`UPDATE ${name} SET price = 5, progress = 60, day = now() - interval '48 s', team = 'east' WHERE id = 1`);
    await expect(cell(page, 1, "price")).toHaveText("€5.00");
    await expect(cell(page, 1, "progress").locator("progress")).toHaveAttribute("value", "60");
    await expect(cell(page, 1, "team")).toHaveText("east");
    await expect(cell(page, 1, "day")).toHaveText(/^[45]\d s ago$/);
    await expect(cell(page, 1, "day")).toHaveText("1 min ago", { timeout: 20_000 });
    await expect(cell(page, 1, "day").locator(".v")).toHaveAttribute("title", /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  });
});

test("a hidden value is seen while its cell has the focus", async ({ page, server, items }) => {
  await withFormats(server, items, async (_, address) => {
    await open(page, address);
    const secret = cell(page, 1, "secret");
    await expect(secret.getByRole("img", { name: "Hidden value" })).toBeVisible();
    await expect(secret.getByText("hush")).toBeHidden();
    await secret.click();
    await expect(secret.getByText("hush")).toBeVisible();
    await page.keyboard.press("ArrowRight");
    await expect(secret.getByText("hush")).toBeHidden();
    await expect(cell(page, 2, "secret")).toHaveText("NULL");
  });
});

test("a column's comment says what it is until the reader says better", async ({ page, server, items }) => {
  await withFormats(server, items, async (_, address) => {
    await open(page, address);
    await expect(head(page, "price").getByRole("link")).toHaveAttribute("title", /^What it costs, with tax\n/);
    await openDialog(page, "price");
    await expect(dialog(page).getByLabel("Description")).toHaveAttribute("placeholder", "What it costs, with tax");
    await dialog(page).getByLabel("Description").fill("Net");
    await dialog(page).getByRole("button", { name: "Save" }).click();
    await expect(head(page, "price").getByRole("link")).toHaveAttribute("title", /^Net\n/);
  });
});

test("where the dialog can't be loaded that is said, and it is tried again", async ({ page, items }) => {
  await page.route(/split_column_looks\.wasm/, (route) => route.abort("connectionrefused"));
  await open(page, `${items.path}?limit=3`);
  await head(page, "title").hover();
  await page.getByRole("button", { name: "Menu of title" }).click();
  await page.getByRole("button", { name: "Name and format…" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "could not be loaded" })).toBeVisible();
  await page.unroute(/split_column_looks\.wasm/);
  await openDialog(page, "title");
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("formats are shown, times as they are", async ({ page, server, items }) => {
    await withFormats(server, items, async (_, address) => {
      await page.goto(address);
      await expect(cell(page, 1, "price")).toHaveText("€1,234,567.50");
      await expect(cell(page, 1, "day")).toHaveText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
      await expect(cell(page, 1, "story")).toHaveText("a bold link");
      await expect(head(page, "Time taken")).toBeVisible();
    });
  });
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("formats and their dialog have no serious violation", async ({ page, server, items }) => {
      await withFormats(server, items, async (_, address) => {
        await open(page, address);
        await expect(cell(page, 1, "day")).toHaveText("3 days ago");
        await expectNoSeriousViolation(page);
        await openDialog(page, "price");
        await expectNoSeriousViolation(page);
      });
    });
  });
}
