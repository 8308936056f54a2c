import type { Browser, Page } from "@playwright/test";
import { cell, expect, expectNoSeriousViolation, open, test } from "../fixtures";
import type { Server } from "../server";

/** A page in a browser of somebody's own. */
async function somebody(browser: Browser, server: Server, name: string): Promise<Page> {
  const context = await browser.newContext({ baseURL: server.url });
  await context.addInitScript((name) => localStorage.setItem("rowcast.name", name), name);
  return context.newPage();
}

/** Somebody's page says where they are. */
async function say(server: Server, table: string, said: object): Promise<void> {
  const response = await fetch(`${server.url}/api/presence/${table}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(said),
  });
  expect(response.status).toBe(204);
}

const others = (page: Page) => page.getByRole("button", { name: /(is|are) here/ });

test("others see who is there, which cell they are in and edit, and that they leave", async ({
  page,
  browser,
  server,
  items,
}) => {
  await open(page, items.path);
  await expect(others(page)).toBeHidden();
  const ann = await somebody(browser, server, "Ann Lee");
  await open(ann, items.path);
  await expect(page.getByRole("button", { name: "Ann Lee is here" })).toHaveText(/AL/);
  await expect(ann.getByRole("button", { name: "Someone is here" })).toBeVisible();

  const title = cell(page, 3, "title");
  const before = await title.boundingBox();
  await cell(ann, 3, "title").click();
  await expect(title).toHaveAttribute("title", "Ann Lee is here");
  await expect(page.getByRole("gridcell").and(page.getByTitle("Ann Lee is here"))).toHaveCount(1);
  await ann.keyboard.press("Enter");
  await expect(title).toHaveAttribute("title", "Ann Lee is editing");
  // What marks it is drawn over it.
  await expect(title).toHaveText("Item 3");
  expect(await title.boundingBox()).toEqual(before);
  await ann.keyboard.press("Escape");
  await ann.keyboard.press("ArrowDown");
  await expect(cell(page, 4, "title")).toHaveAttribute("title", "Ann Lee is here");
  await expect(title).not.toHaveAttribute("title");
  // Rows that are made anew are marked anew.
  await page.getByRole("link", { name: "estimate" }).click();
  await expect(page).toHaveURL(/order=estimate/);
  await expect(cell(page, 4, "title")).toHaveAttribute("title", "Ann Lee is here");

  // By keyboard to where she is.
  await others(page).press("Enter");
  const entry = page.getByRole("group", { name: "Who is here" }).getByRole("button", { name: /Ann Lee/ });
  await expect(entry).toContainText("at title in row 4");
  await entry.press("Enter");
  await expect(cell(page, 4, "title")).toBeFocused();
  await expect(cell(ann, 4, "title")).toHaveAttribute("title", "Someone is here");

  await ann.goto("/");
  await expect(others(page)).toBeHidden();
  await expect(cell(page, 4, "title")).not.toHaveAttribute("title");
  await ann.context().close();
});

test("of many only some are named aloud, and no name turns the others", async ({ page, server, items }) => {
  await open(page, items.path);
  const names = ["\u202eEve", "Ann", "Bob", "C".repeat(64), "Dan"];
  for (let nth = 0; nth < 20; nth++) {
    await say(server, items.name, { session: `s${nth}`, name: names[nth % names.length], key: [1], column: "title" });
  }
  const button = page.getByRole("button", { name: /^20 others are here: .* and 16 more$/ });
  await expect(button).toBeVisible();
  await button.click();
  const list = page.getByRole("group", { name: "Who is here" });
  await expect(list.getByRole("listitem")).toHaveCount(20);
  await expect(list).not.toContainText("\u202e");
  expect(await list.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
});

test("a name is given once, and is there in every page and change", async ({ page, context, server, items }) => {
  await open(page, items.path);
  const other = await context.newPage();
  await open(other, items.path);
  const you = page.getByRole("button", { name: "Your name" });
  await you.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Your name" });
  await expect(dialog.getByLabel("Name")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(you).toBeFocused();
  // The hint leads to it, too.
  await others(page).click();
  await page.getByRole("button", { name: "Say your name…" }).click();
  await dialog.getByLabel("Name").fill(" Zoë Bauer ");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Your name: Zoë Bauer" })).toContainText("ZB");
  await expect(other.getByRole("button", { name: "Your name: Zoë Bauer" })).toBeVisible();
  await expect(others(other)).toHaveAccessibleName("Zoë Bauer is here");
  await page.reload();
  await expect(page.getByRole("button", { name: "Your name: Zoë Bauer" })).toBeVisible();

  await cell(page, 2, "title").click();
  await page.keyboard.press("Delete");
  const author = async () => {
    const response = await fetch(`${server.url}/api/history/${items.name}/2`);
    return (await response.json()).changes[0]?.author;
  };
  await expect.poll(author).toBe("Zoë Bauer");
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("many are counted, listed, and in nobody's way on any screen", async ({ page, server, items }) => {
      await open(page, items.path);
      const names = ["Ann Lee", "Bob", "", "Dan Ö", "Eve", "A very long name that no bar has room for at all"];
      for (const [nth, name] of names.entries()) {
        const where = nth === 5 ? {} : { key: [nth < 2 ? 2 : nth + 1], column: "title", editing: nth === 1 };
        await say(server, items.name, { session: `s-${nth}`, name, ...where });
      }
      await expect(others(page)).toHaveAccessibleName(/^6 others are here: Ann Lee, Bob, Someone/);
      await expect(others(page)).toContainText("+2");
      await expect(cell(page, 2, "title")).toHaveAttribute("title", "Ann Lee is here, Bob is editing");
      await others(page).click();
      const list = page.getByRole("group", { name: "Who is here" }).getByRole("listitem");
      await expect(list).toHaveCount(6);
      await expect(list.nth(1)).toContainText("editing title in row 2");
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await page.setViewportSize({ width: 390, height: 800 });
      await others(page).click();
      const box = await page.getByRole("group", { name: "Who is here" }).boundingBox();
      expect(box && box.x >= 0 && box.x + box.width <= 390).toBe(true);
      await page.keyboard.press("Escape");
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(await overflow()).toBe(0);
      await page.getByRole("button", { name: "Your name" }).click();
      await expect(page.getByRole("dialog")).toBeVisible();
      await expectNoSeriousViolation(page);
      for (const nth of names.keys()) {
        await fetch(`${server.url}/api/presence/${items.name}?session=s-${nth}`, { method: "DELETE" });
      }
      await expect(page.locator("[data-who]")).toHaveCount(0);
    });
  });
}
