import type { Browser, Page } from "@playwright/test";
import { expect, expectLive, expectNoSeriousViolation, expectTotal, open, rows, test } from "../fixtures";
import type { Items } from "../fixtures";
import type { Server } from "../server";

const button = (page: Page) => page.locator(".views-button");
const list = (page: Page) => page.getByRole("group", { name: "Saved views" });
const entry = (page: Page, name: string) => list(page).getByRole("listitem").filter({ hasText: name });
const dialog = (page: Page) => page.getByRole("dialog");

/** A page in a browser of somebody's own. */
async function somebody(browser: Browser, server: Server, name: string): Promise<Page> {
  const context = await browser.newContext({ baseURL: server.url });
  await context.addInitScript((name) => localStorage.setItem("rowcast.name", name), name);
  return context.newPage();
}

async function save(server: Server, items: Items, view: object): Promise<{ id: number }> {
  const response = await fetch(`${server.url}/api/views/${items.name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "View", query: "", ...view }),
  });
  expect(response.status).toBe(201);
  return response.json();
}

test("by keyboard alone: a view is saved, changed, saved again and left, and back leads back", async ({
  page,
  server,
  items,
}) => {
  await open(page, `${items.path}?done=is.true&order=id.desc&~columns=id,-notes`);
  await expect(button(page)).toHaveAccessibleName("Views");
  await button(page).focus();
  await page.keyboard.press("Enter");
  await expect(list(page).getByText("No views yet.")).toBeVisible();
  await page.getByRole("button", { name: "Save as new view…" }).press("Enter");
  await expect(dialog(page).getByLabel("Name")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dialog(page).getByRole("alert")).toHaveText("The view needs a name.");
  await page.keyboard.type("Done ones");
  await page.keyboard.press("Enter");
  await expect(dialog(page)).toHaveCount(0);
  await expect(button(page)).toHaveAccessibleName("Done ones");
  await expect(button(page)).toBeFocused();
  await expect(page).toHaveURL(/~view=\d+$/);
  const query = async () =>
    (await server.sql("SELECT query FROM rowcast.saved_view WHERE table_path = $1", [items.name]))[0].query;
  expect(await query()).toBe("done=is.true&order=id.desc&~columns=id,-notes");

  // Another order is a change, which is saved into the view.
  await page.getByRole("link", { name: "estimate" }).press("Enter");
  await expect(button(page)).toHaveAccessibleName("Done ones changed");
  await button(page).press("Enter");
  await page.getByRole("button", { name: "Save changes" }).press("Enter");
  await expect(page.getByRole("status").filter({ hasText: "Saved." })).toBeVisible();
  await expect(button(page)).toHaveAccessibleName("Done ones");
  expect(await query()).toBe("done=is.true&order=estimate&~columns=id,-notes");

  await list(page).getByRole("link", { name: "All rows" }).press("Enter");
  await expectTotal(page, 120);
  await expect(list(page)).toBeHidden();
  await expect(button(page)).toHaveAccessibleName("Views");
  await page.goBack();
  await expectTotal(page, 30);
  await expect(button(page)).toHaveAccessibleName("Done ones");
  // The address is all there is: the server renders the name and that nothing was changed.
  await page.reload();
  await expectLive(page);
  await expect(button(page)).toHaveAccessibleName("Done ones");
  await page.goto(`${page.url()}&title=like.*2*`);
  await expect(button(page)).toHaveAccessibleName("Done ones changed");
  await button(page).press("Enter");
  await page.getByRole("link", { name: "Discard" }).press("Enter");
  await expectTotal(page, 30);
});

test("two people see each other's shared views as they change, and not the private ones", async ({
  page,
  browser,
  server,
  items,
}) => {
  const ann = await somebody(browser, server, "Ann");
  await open(page, items.path);
  await button(page).click();
  await expect(list(page).getByText("No views yet.")).toBeVisible();
  await open(ann, `${items.path}?order=id.desc`);
  await button(ann).click();
  await ann.getByRole("button", { name: "Save as new view…" }).click();
  await dialog(ann).getByLabel("Name").fill("Newest");
  await dialog(ann).getByRole("button", { name: "Save" }).click();
  await expect(entry(page, "Newest")).toBeVisible();

  await button(ann).click();
  await ann.getByRole("button", { name: "Save as new view…" }).click();
  await dialog(ann).getByLabel("Name").fill("Newest");
  await dialog(ann).getByRole("button", { name: "Save" }).click();
  await expect(dialog(ann).getByRole("alert")).toHaveText("There is a view of that name already.");
  await dialog(ann).getByLabel("Only me").check();
  await dialog(ann).getByLabel("Name").fill("Ann’s own");
  await dialog(ann).getByRole("button", { name: "Save" }).click();
  await expect(button(ann)).toHaveAccessibleName("Ann’s own");

  // Somebody else changes the shared one; both see it, and it stays where it stands.
  await entry(page, "Newest").getByRole("link").click();
  await expect(rows(page).first()).toHaveAttribute("data-key", "120");
  await expect(button(page)).toHaveAccessibleName("Newest");
  await button(page).click();
  await page.getByRole("button", { name: "Change “Newest”" }).click();
  await page.getByRole("button", { name: "Rename…" }).click();
  await expect(dialog(page).getByLabel("Name")).toHaveValue("Newest");
  await dialog(page).getByLabel("Name").fill("Latest");
  await page.keyboard.press("Enter");
  await expect(button(page)).toHaveAccessibleName("Latest");
  await button(ann).click();
  await expect(entry(ann, "Latest")).toBeVisible();
  await expect(ann.getByRole("list", { name: "Only mine" })).toContainText("Ann’s own");
  await button(page).click();
  await expect(entry(page, "Latest")).toBeVisible();
  await expect(entry(page, "Ann’s own")).toHaveCount(0);

  // What one deletes is gone for the other, whose rows stay.
  await entry(ann, "Latest").getByRole("button", { name: "Change “Latest”" }).click();
  await ann.getByRole("button", { name: "Delete…" }).click();
  await dialog(ann).getByRole("button", { name: "Delete view" }).click();
  await expect(entry(page, "Latest")).toHaveCount(0);
  await expect(button(page)).toHaveAccessibleName("Views");
  await expect(page).toHaveURL(/order=id.desc/);
  await ann.context().close();
});

test("a table opens with its default view, and with all rows where the address says so", async ({
  page,
  server,
  items,
}) => {
  await save(server, items, { name: "Few", query: "done=is.true&order=id" });
  await page.goto("/");
  await page.goto(items.path);
  await expectLive(page);
  await expectTotal(page, 120);
  await button(page).click();
  await page.getByRole("button", { name: "Change “Few”" }).click();
  await page.getByRole("button", { name: "Make default" }).press("Enter");
  await expect(page.getByRole("button", { name: "No longer default" })).toBeFocused();
  await expect(entry(page, "Few").getByText("default", { exact: true })).toBeVisible();
  // Nobody is taken elsewhere by that.
  await expectTotal(page, 120);

  await page.goto("/");
  await page.goto(items.path);
  await expect(page).toHaveURL(/\?done=is\.true&order=id&~view=\d+$/);
  await expectTotal(page, 30);
  await expect(button(page)).toHaveAccessibleName("Few");
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Tables" })).toBeVisible();

  // So does who comes from another page, without the server's answer.
  await page.getByRole("link", { name: items.name }).click();
  await expectTotal(page, 30);
  await expect(page).toHaveURL(/~view=\d+$/);
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Tables" })).toBeVisible();
  await page.goForward();
  await expectTotal(page, 30);

  await button(page).click();
  await list(page).getByRole("link", { name: "All rows" }).click();
  await expectTotal(page, 120);
  await expect(page).toHaveURL(/\?~view=all$/);
  await page.reload();
  await expectLive(page);
  await expectTotal(page, 120);
});

test("a view of one's own needs a name, and is what the table opens with for that person", async ({
  page,
  browser,
  server,
  items,
}) => {
  await save(server, items, { name: "Everybody’s", query: "done=is.true", default: true });
  await open(page, `${items.path}?done=is.false`);
  await button(page).click();
  await page.getByRole("button", { name: "Save as new view…" }).click();
  await dialog(page).getByLabel("Name", { exact: true }).fill("Mine");
  await dialog(page).getByLabel("Only me").check();
  await dialog(page).getByLabel("Open the table with it for me").check();
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await expect(dialog(page).getByRole("alert")).toContainText("Say what you are called");
  await dialog(page).getByLabel("Your name").fill("Zoë B.");
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await expect(button(page)).toHaveAccessibleName("Mine");
  await expect(page.getByRole("button", { name: "Your name: Zoë B." })).toBeVisible();
  await page.goto(items.path);
  await expect(button(page)).toHaveAccessibleName("Mine");
  await expectTotal(page, 90);
  const other = await somebody(browser, server, "Max");
  await other.goto(items.path);
  await expect(button(other)).toHaveAccessibleName("Everybody’s");
  await expectTotal(other, 30);
  await other.context().close();
});

test("a page that is left while its view is being saved is left", async ({ page, server, items }) => {
  await open(page, `${items.path}?done=is.true`);
  await button(page).click();
  await page.getByRole("button", { name: "Save as new view…" }).click();
  await dialog(page).getByLabel("Name").fill("Done ones");
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/\/api\/views\//, async (route) => {
    await held;
    await route.continue();
  });
  const answered = page.waitForResponse(/\/api\/views\//);
  await page.keyboard.press("Enter");
  // The dialog is before the link.
  await page.getByRole("link", { name: "Tables", exact: true, includeHidden: true }).dispatchEvent("click");
  await expect(page.getByRole("heading", { name: "Tables" })).toBeVisible();
  release();
  await (await answered).finished();
  // It stays there, and goes on.
  await page.getByRole("link", { name: items.name }).click();
  await button(page).click();
  await expect(entry(page, "Done ones")).toBeVisible();
  await expect(page).not.toHaveURL(/~view/);
  expect(await server.sql("SELECT name FROM rowcast.saved_view WHERE table_path = $1", [items.name])).toHaveLength(1);
});

test("where the list can't be loaded or a view not be saved, that is said", async ({ page, server, items }) => {
  await page.route(/split_saved_views\.wasm/, (route) => route.abort("connectionrefused"));
  await save(server, items, { name: "One" });
  await open(page, items.path);
  await button(page).click();
  await expect(list(page).getByRole("alert")).toHaveText("The list could not be loaded.");
  await page.unroute(/split_saved_views\.wasm/);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("button", { name: "Change “One”" }).click();
  await page.route(/\/api\/views\//, (route) => route.abort("connectionrefused"));
  await page.getByRole("button", { name: "Make default" }).click();
  await expect(page.getByRole("status").filter({ hasText: "The server does not answer." })).toBeVisible();
  await page.getByRole("button", { name: "Save as new view…" }).click();
  await dialog(page).getByLabel("Name").fill("Two");
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await expect(dialog(page).getByRole("alert")).toContainText("The server does not answer.");
  await page.unroute(/\/api\/views\//);
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await expect(button(page)).toHaveAccessibleName("Two");
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("views have no serious violation, and fit a narrow screen", async ({ page, server, items }) => {
      const long = "A view with a name that is longer than any button or list has room for, as people do";
      const { id } = await save(server, items, { name: long, query: "order=id", default: true });
      await save(server, items, { name: "Short" });
      await open(page, `${items.path}?order=id.desc&~view=${id}`);
      await button(page).click();
      await page.getByRole("button", { name: `Change “${long}”` }).click();
      await expectNoSeriousViolation(page);
      await page.setViewportSize({ width: 390, height: 800 });
      await expect(button(page)).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
      const box = await list(page).boundingBox();
      expect(box && box.x >= 0 && box.x + box.width <= 390).toBe(true);
      await page.getByRole("button", { name: "Rename…" }).click();
      await expect(dialog(page).getByLabel("Name")).toBeFocused();
      await expectNoSeriousViolation(page);
    });
  });
}
