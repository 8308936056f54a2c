import type { Page } from "@playwright/test";
import { account, another, signIn, test } from "../accounts";
import { expect, expectNoSeriousViolation } from "../fixtures";

// Each signs in several times, which is made to cost.
test.describe.configure({ timeout: 120_000 });

const comments = (page: Page) => page.getByRole("list", { name: "Comments" }).locator("> li");
const comment = (page: Page, words: string) =>
  comments(page).filter({ has: page.locator(".post-body", { hasText: words }) });

/** The thread is live once it has what no server sends. */
const expectLive = (page: Page) => expect(page.locator(".thread .posts")).toBeAttached();

async function write(page: Page, words: string) {
  await page.getByRole("textbox", { name: "New comment" }).fill(words);
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(page.getByRole("textbox", { name: "New comment" })).toHaveValue("");
}

const count = (page: Page, label: string) => page.getByRole("link", { name: label, exact: true });

test("three people write about a row, in its detail and on its page, and it is counted in the table", async ({
  page,
  browser,
  server,
  items,
}) => {
  const [ann, bob, eve] = [account(server, "administrator"), account(server), account(server)];
  const errors: string[] = [];
  await page.goto(items.path);
  await signIn(page, ann);
  const bobs = await another(browser, server);
  await bobs.goto(`/comments/${items.name}/3`);
  await signIn(bobs, bob);
  await expectLive(bobs);
  const eves = await another(browser, server);
  await eves.goto(items.path);
  await signIn(eves, eve);
  for (const someone of [page, bobs, eves]) {
    someone.on("pageerror", (error) => errors.push(error.message));
  }

  // In the row's detail.
  await page.locator('tr[data-key="3"] td').nth(1).click();
  await page.keyboard.press("Alt+Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("heading", { name: "Comments" })).toBeVisible();
  await write(page, `Is **this** right, @"${bob}"?\n\n<b>no markup</b>`);
  await expect(dialog).toBeVisible();
  await expect(comment(bobs, "Is this right").locator("strong")).toHaveText("this");
  await expect(comment(bobs, "Is this right")).toContainText("<b>no markup</b>");
  await expect(bobs.getByRole("link", { name: "Notifications, 1 unread" })).toBeVisible();
  await expect(count(eves, "1 comment")).toBeVisible();

  // By the keyboard alone.
  await bobs.getByRole("textbox", { name: "New comment" }).focus();
  await bobs.keyboard.type("It is.");
  await bobs.keyboard.press("Control+Enter");
  await expect(comment(page, "It is.")).toHaveCount(1);
  await expect(count(eves, "2 comments")).toBeVisible();
  await expect(page.getByRole("status").filter({ hasText: "It is." })).toHaveCount(1);

  // The third comes by the mark in the table.
  await count(eves, "2 comments").click();
  await expect(eves).toHaveURL(new RegExp(`/comments/${items.name}/3$`));
  await expectLive(eves);
  await write(eves, "I doubt it.");
  for (const someone of [page, bobs, eves]) {
    await expect(comments(someone)).toHaveCount(3);
  }

  // Whoever wrote it changes it; who manages takes away what others wrote.
  await expect(comment(eves, "It is.").getByRole("link", { name: /^Edit/ })).toHaveCount(0);
  await expect(comment(eves, "It is.").getByRole("button", { name: /^Delete/ })).toHaveCount(0);
  await comment(bobs, "It is.").getByRole("link", { name: /^Edit/ }).click();
  await bobs.getByRole("textbox", { name: "Change your comment" }).fill("It was.");
  await bobs.getByRole("button", { name: "Save comment" }).click();
  await expect(comment(eves, "It was.")).toContainText("edited");
  page.on("dialog", (asked) => void asked.accept());
  await comment(page, "I doubt it.").getByRole("button", { name: /^Delete/ }).click();
  await expect(comments(bobs).last()).toContainText("This comment was deleted.");

  await expectNoSeriousViolation(page);
  await expectNoSeriousViolation(bobs);
  expect(errors).toEqual([]);
  await bobs.context().close();
  await eves.context().close();
});

test("whoever does not see the row any more sees nothing that is written about it then", async ({
  page,
  browser,
  server,
  items,
}) => {
  const [ann, bob] = [account(server, "administrator"), account(server)];
  await page.goto(`/permissions`);
  await signIn(page, ann);
  const rule = await page.request.put(`/api/permissions/member/${items.name}`, {
    data: { read: true, rows: "done=is.false" },
    headers: { Origin: server.url },
  });
  expect(rule.status()).toBe(200);
  const bobs = await another(browser, server);
  await bobs.goto(`/comments/${items.name}/3`);
  await signIn(bobs, bob);
  await expectLive(bobs);
  await page.goto(`/comments/${items.name}/3`);
  await expectLive(page);
  await write(page, "For both.");
  await expect(comment(bobs, "For both.")).toBeVisible();
  const field = bobs.getByRole("textbox", { name: "New comment" });
  await field.fill("Half written");
  await server.sql(`UPDATE ${items.name} SET done = true WHERE id = 3`);
  await write(page, "A secret.");
  await expect(bobs.getByText("You don’t see this row any more.")).toBeVisible();
  await expect(bobs.getByText("A secret.")).toHaveCount(0);
  await expect(comments(bobs)).toHaveCount(0);
  expect((await bobs.request.get(`/comments/${items.name}/3`)).status()).toBe(404);
  // What was begun is kept, and goes on once the row is theirs again.
  await expect(field).toHaveValue("Half written");
  await expect(bobs.getByRole("button", { name: "Comment", exact: true })).toBeDisabled();
  await server.sql(`UPDATE ${items.name} SET done = false WHERE id = 3`);
  await expect(comment(bobs, "A secret.")).toBeVisible({ timeout: 30_000 });
  await expect(field).toHaveValue("Half written");
  await bobs.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(comment(page, "Half written")).toBeVisible();
  await bobs.context().close();
});

test("what is written in a row's detail is sent by itself, on a narrow screen too", async ({ page, server, items }) => {
  const ann = account(server);
  await page.goto(items.path);
  await signIn(page, ann);
  await page.setViewportSize({ width: 390, height: 780 });
  await page.locator('tr[data-key="4"] td').nth(1).click();
  await page.keyboard.press("Alt+Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("title").fill("Not saved");
  await dialog.getByRole("textbox", { name: "New comment" }).fill(`A long ${"word".repeat(60)}`);
  await page.keyboard.press("Control+Enter");
  await expect(comment(page, "A long")).toHaveCount(1);
  await expect(dialog.getByLabel("title")).toHaveValue("Not saved");
  await expect(page.locator('tr[data-key="4"]')).toContainText("Item 4");
  expect(await dialog.evaluate((dialog) => dialog.scrollWidth > dialog.clientWidth)).toBe(false);
});

test("what came while a page was away is there once when it comes back", async ({ page, browser, server, items }) => {
  const [ann, bob] = [account(server), account(server)];
  await page.goto(`/comments/${items.name}/5`);
  await signIn(page, ann);
  await expectLive(page);
  const bobs = await another(browser, server);
  await bobs.goto(`/comments/${items.name}/5`);
  await signIn(bobs, bob);
  await expectLive(bobs);
  await page.context().setOffline(true);
  await write(bobs, "While away");
  await page.context().setOffline(false);
  await expect(comment(page, "While away")).toHaveCount(1, { timeout: 30_000 });
  await expect(comments(page)).toHaveCount(1);
  await bobs.context().close();
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a thread is read, written to, changed and taken away", async ({ page, server, items }) => {
    const ann = account(server);
    await page.goto(`/comments/${items.name}/7`);
    await signIn(page, ann);
    await expect(page.getByRole("heading", { name: `${items.name} 7` })).toBeVisible();
    await expect(page.getByText("Item 7")).toBeVisible();
    await page.getByRole("textbox", { name: "New comment" }).fill("By a **form**");
    await page.getByRole("button", { name: "Comment", exact: true }).click();
    await expect(comment(page, "By a form").locator("strong")).toHaveText("form");
    await comment(page, "By a form").getByRole("link", { name: /^Edit/ }).click();
    await page.getByRole("textbox", { name: "Change your comment" }).fill("Changed");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(comment(page, "Changed")).toContainText("edited");
    await comment(page, "Changed").getByRole("button", { name: /^Delete/ }).click();
    await expect(comments(page).first()).toContainText("This comment was deleted.");
    await page.getByRole("link", { name: "Show it in its table" }).click();
    await expect(page.locator("tbody tr[data-key]")).toHaveCount(1);
  });
});

for (const theme of ["light", "dark"] as const) {
  test(`a thread fits a narrow screen, ${theme}`, async ({ page, server, items }) => {
    const ann = account(server);
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width: 390, height: 780 });
    await page.goto(`/comments/${items.name}/9`);
    await signIn(page, ann);
    await expectLive(page);
    await write(page, `A long ${"word".repeat(60)} and a line`);
    const isWide = () => page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    expect(await isWide()).toBe(false);
    await expectNoSeriousViolation(page);
    await page.goto(`${items.path}?id=eq.9`);
    await expect(count(page, "1 comment")).toBeVisible();
    await expectNoSeriousViolation(page);
  });
}
