import type { Page } from "@playwright/test";
import { account, another, signIn, test } from "../accounts";
import {
  cell,
  connection,
  expect,
  expectLive as expectLiveTable,
  expectNoSeriousViolation,
  expectNoSideways,
  longCode,
} from "../fixtures";

// Each signs in several times, which is made to cost.
test.describe.configure({ timeout: 120_000 });

const comments = (page: Page) => page.getByRole("list", { name: "Comments" }).locator("> li");
const comment = (page: Page, words: string) =>
  comments(page).filter({ has: page.locator(".post-body", { hasText: words }) });

/** The thread is live once the live one has taken the place of the one that the server sent. */
async function expectLive(page: Page) {
  await expect(page.locator("#thread-live .posts")).toBeAttached();
  await expect(page.locator("#thread-sent")).toHaveCount(0);
}

const field = (page: Page) => page.getByRole("textbox", { name: "New comment" });

const changing = (page: Page) => page.getByRole("textbox", { name: "Change your comment" });

async function write(page: Page, words: string) {
  await field(page).fill(words);
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(field(page)).toHaveValue("");
}

async function openThread(page: Page, table: string, key: number) {
  await page.goto(`/comments/${table}/${key}`);
  await expectLive(page);
}

/** Opens a row's detail in the table that the page shows. */
async function openDetail(page: Page, key: number) {
  await cell(page, key, "title").click();
  await page.keyboard.press("Alt+Enter");
  await expect(field(page)).toBeVisible();
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
  // Whoever has it open is told at once, and finds nothing to write into.
  await expect(bobs.getByText("You don’t see this row any more.")).toBeVisible();
  await expect(field).toHaveCount(0);
  await expect(bobs.getByRole("button", { name: "Comment", exact: true })).toHaveCount(0);
  await write(page, "A secret.");
  await expect(bobs.getByText("A secret.")).toHaveCount(0);
  await expect(comments(bobs)).toHaveCount(0);
  expect((await bobs.request.get(`/comments/${items.name}/3`)).status()).toBe(404);
  // What was begun is kept, and goes on once the row is theirs again.
  await server.sql(`UPDATE ${items.name} SET done = false WHERE id = 3`);
  await expect(comment(bobs, "A secret.")).toBeVisible({ timeout: 30_000 });
  await expect(field).toHaveValue("Half written");
  await bobs.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(comment(page, "Half written")).toBeVisible();
  await bobs.context().close();
});

test("a row's values leave the open page of its thread with the row, and with the right to read it", async ({
  page,
  browser,
  server,
  items,
}) => {
  const [ann, bob] = [account(server, "administrator"), account(server)];
  const rule = async (read: boolean) => {
    const set = await page.request.put(`/api/permissions/member/${items.name}`, {
      data: { read, rows: "done=is.false" },
      headers: { Origin: server.url },
    });
    expect(set.status()).toBe(200);
  };
  await page.goto(`/comments/${items.name}/3`);
  await signIn(page, ann);
  await expectLive(page);
  await rule(true);
  const bobs = await another(browser, server);
  await bobs.goto(`/comments/${items.name}/3`);
  await signIn(bobs, bob);
  // Words that are in the values alone.
  await server.sql(`UPDATE ${items.name} SET notes = 'kept from others' WHERE id IN (3, 6)`);
  const everything = () => bobs.evaluate(() => document.title + document.documentElement.outerHTML);
  const expectNothing = async () => {
    await expect(bobs.getByText("You don’t see this row any more.")).toBeVisible();
    await expect(bobs.getByRole("heading", { name: "A row", exact: true })).toBeVisible();
    expect(await everything()).not.toMatch(/kept from others|Item \d/);
  };

  await openThread(bobs, items.name, 3);
  await expect(bobs.getByText("kept from others")).toBeVisible();
  await expect(bobs.getByText("Item 3")).toBeVisible();
  await server.sql(`UPDATE ${items.name} SET done = true WHERE id = 3`);
  await expectNothing();
  await write(page, "For those who see it.");
  await expectNothing();

  await openThread(bobs, items.name, 6);
  await expect(bobs.getByText("kept from others")).toBeVisible();
  await rule(false);
  await expectNothing();
  await bobs.context().close();
});

test("the page of a thread follows its row, and says whether it is live", async ({ page, browser, server, items }) => {
  const [ann, bob] = [account(server, "administrator"), account(server)];
  await page.goto(`/comments/${items.name}/3`);
  await signIn(page, ann);
  await expectLive(page);
  await expectLiveTable(page);
  await expectNoSeriousViolation(page);
  const heading = page.getByRole("heading", { name: `${items.name} 3` });
  const title = page.locator(".row-values div").filter({ has: page.getByText("title", { exact: true }) });
  await server.sql(`UPDATE ${items.name} SET title = 'Another title', notes = NULL WHERE id = 3`);
  await expect(title).toContainText("Another title");
  await field(page).fill("About the third");
  const deleted = server.sql(`DELETE FROM ${items.name} WHERE id = 3`);
  await expect(page.getByText("You don’t see this row any more.")).toBeVisible();
  await deleted;
  await expect(page.getByText("Another title")).toHaveCount(0);
  await expect(heading).toHaveCount(0);
  await expect(field(page)).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Comment", exact: true })).toHaveCount(0);
  await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (3, 'Back')`);
  await expect(title).toContainText("Back");
  await expect(heading).toBeVisible();
  await expect(field(page)).toHaveValue("About the third");

  const bobs = await another(browser, server);
  await bobs.goto("/feed");
  await signIn(bobs, bob);
  await expectLiveTable(bobs);
  await server.stop("SIGKILL");
  for (const away of [page, bobs]) {
    await expect(connection(away)).toHaveAttribute("data-state", /offline|connecting/);
  }
  await server.start();
  for (const back of [page, bobs]) {
    await expectLiveTable(back);
  }
  await bobs.context().close();
});

test("what is written in a row's detail is sent by itself, on a narrow screen too", async ({ page, server, items }) => {
  const ann = account(server);
  await page.goto(items.path);
  await signIn(page, ann);
  await expectLiveTable(page);
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

test("what is begun is kept until it is sent, wherever its author goes meanwhile", async ({ page, server, items }) => {
  const ann = account(server);
  const dialog = page.getByRole("dialog");
  await page.goto(`/comments/${items.name}/3`);
  await signIn(page, ann);
  await expectLive(page);
  await field(page).fill("Begun");
  // Another row has another one.
  await openThread(page, items.name, 4);
  await expect(field(page)).toHaveValue("");
  await field(page).fill("Of the fourth");

  await page.goto(items.path);
  await expectLiveTable(page);
  await openDetail(page, 3);
  await expect(field(page)).toHaveValue("Begun");
  await field(page).fill("Begun, and gone on with");
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(dialog).toBeHidden();
  await openDetail(page, 4);
  await expect(field(page)).toHaveValue("Of the fourth");
  await dialog.getByRole("button", { name: "Close" }).click();

  await openThread(page, items.name, 3);
  await expect(field(page)).toHaveValue("Begun, and gone on with");
  await page.reload();
  await expectLive(page);
  await expect(field(page)).toHaveValue("Begun, and gone on with");
  // What is changed of a comment meanwhile does not take its place.
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(comment(page, "Begun, and gone on with")).toHaveCount(1);
  await expect(field(page)).toHaveValue("");
  await field(page).fill("Begun again");
  await comment(page, "Begun, and gone on with").getByRole("link", { name: /^Edit/ }).click();
  await changing(page).fill("Never saved");
  await page.reload();
  await expectLive(page);
  await expect(field(page)).toHaveValue("Begun again");
  // It goes on where it was left, also in the row's detail, until it is saved or given up.
  await comment(page, "Begun, and gone on with").getByRole("link", { name: /^Edit/ }).click();
  await expect(changing(page)).toHaveValue("Never saved");
  await page.goto(items.path);
  await expectLiveTable(page);
  await openDetail(page, 3);
  await expect(field(page)).toHaveValue("Begun again");
  await comment(page, "Begun, and gone on with").getByRole("link", { name: /^Edit/ }).click();
  await expect(changing(page)).toHaveValue("Never saved");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(field(page)).toHaveValue("Begun again");
  await comment(page, "Begun, and gone on with").getByRole("link", { name: /^Edit/ }).click();
  await expect(changing(page)).toHaveValue("Begun, and gone on with");
  await changing(page).fill("Begun, and ended");
  await page.getByRole("button", { name: "Save comment" }).click();
  await expect(comment(page, "Begun, and ended")).toHaveCount(1);
  await comment(page, "Begun, and ended").getByRole("link", { name: /^Edit/ }).click();
  await expect(changing(page)).toHaveValue("Begun, and ended");
  await openThread(page, items.name, 3);
  await expect(field(page)).toHaveValue("Begun again");
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(comment(page, "Begun again")).toHaveCount(1);
  await expect(field(page)).toHaveValue("");

  // Once it is sent it is there nowhere.
  await page.reload();
  await expectLive(page);
  await expect(field(page)).toHaveValue("");
  await page.goto(items.path);
  await expectLiveTable(page);
  await openDetail(page, 3);
  await expect(comment(page, "Begun again")).toHaveCount(1);
  await expect(field(page)).toHaveValue("");
  await dialog.getByRole("button", { name: "Close" }).click();
  await openDetail(page, 4);
  await expect(field(page)).toHaveValue("Of the fourth");
});

test("what one account begins is not shown to another in the same browser", async ({ page, server, items }) => {
  const [ann, bob] = [account(server), account(server)];
  const becomes = async (name: string) => {
    // What a server would say at a session's end is another matter: here it just is not there any more.
    await page.context().clearCookies();
    await page.goto(`/comments/${items.name}/3`);
    await signIn(page, name);
    await expectLive(page);
  };
  await becomes(ann);
  await field(page).fill("Ann’s alone");
  await becomes(bob);
  await expect(field(page)).toHaveValue("");
  await field(page).fill("Bob’s");
  await page.goto(items.path);
  await expectLiveTable(page);
  await openDetail(page, 3);
  await expect(field(page)).toHaveValue("Bob’s");
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await becomes(ann);
  await expect(field(page)).toHaveValue("Ann’s alone");

  // Whoever signs out leaves nothing.
  await page.getByRole("button", { name: ann }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
  expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))).not.toMatch(/Ann’s|Bob’s/);
  await becomes(bob);
  await expect(field(page)).toHaveValue("");
});

test("what was sent is not there to be sent again where its row was left before the answer", async ({
  page,
  server,
  items,
}) => {
  const ann = account(server);
  await page.goto(items.path);
  await signIn(page, ann);
  await expectLiveTable(page);
  const dialog = page.getByRole("dialog");
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/\/api\/comments\//, async (route) => {
    if (route.request().method() === "POST") await held;
    await route.continue();
  });
  await openDetail(page, 3);
  await field(page).fill("Once");
  await page.keyboard.press("Control+Enter");
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(dialog).toBeHidden();
  release();
  await expect(count(page, "1 comment")).toBeVisible();
  await openDetail(page, 3);
  await expect(comment(page, "Once")).toHaveCount(1);
  await expect(field(page)).toHaveValue("");
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

test("long code stays within its comment on a narrow screen", async ({ page, server, items }) => {
  const ann = account(server);
  await page.setViewportSize({ width: 390, height: 780 });
  await page.goto(`/comments/${items.name}/2`);
  await signIn(page, ann);
  await expectLive(page);
  await write(page, longCode);
  await expectNoSideways(page, comment(page, "Long:").locator("pre"));
  await page.goto(items.path);
  await expectLiveTable(page);
  await openDetail(page, 2);
  await expect(comment(page, "Long:")).toBeVisible();
  await expectNoSideways(page, comment(page, "Long:").locator("pre"));
});

test("the mark of a row's comments stands beside its box, and goes with the last of them", async ({
  page,
  browser,
  server,
  items,
}) => {
  const [ann, bob] = [account(server), account(server)];
  await page.goto(`${items.path}?order=id`);
  await signIn(page, ann);
  await expectLiveTable(page);
  const bobs = await another(browser, server);
  await bobs.goto(`/comments/${items.name}/2`);
  await signIn(bobs, bob);
  await expectLive(bobs);
  bobs.on("dialog", (asked) => void asked.accept());
  const box = page.getByRole("checkbox", { name: "Choose row 2", exact: true });
  const label = (of: number) => (of === 1 ? "1 comment" : `${of} comments`);
  const table = `(SELECT id FROM rowcast.comment_table WHERE relation = '${items.name}'::regclass)`;
  const room = () => page.locator("td:has(input)").first().evaluate((cell) => cell.getBoundingClientRect().width);

  const expectBeside = async (of: number) => {
    const mark = count(page, label(of));
    await expect(mark).toHaveText(String(of));
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 });
      const apart = async () => {
        const [one, other] = [await mark.boundingBox(), await box.boundingBox()];
        return one && other ? one.x - (other.x + other.width) : undefined;
      };
      await expect.poll(apart, `${of} at ${width}`).toBeGreaterThanOrEqual(0);
      const [marked, values] = [(await mark.boundingBox())!, (await cell(page, 2, "id").boundingBox())!];
      expect(marked.x + marked.width).toBeLessThanOrEqual(values.x);
      // Each is what a press there reaches.
      for (const target of [mark, box]) {
        const isReached = await target.evaluate((element) => {
          const { left, right, top, bottom } = element.getBoundingClientRect();
          const across = [left + 1, (left + right) / 2, right - 1];
          return across.every((x) => document.elementFromPoint(x, (top + bottom) / 2) === element);
        });
        expect(isReached, `${of} at ${width}`).toBe(true);
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  };

  const before = await room();
  await expect(page.locator(".rows[data-comments]")).toHaveCount(0);
  await write(bobs, "One");
  await expectBeside(1);
  expect(await room()).toBeGreaterThan(before);
  await server.sql(`SELECT rowcast.count_comment(${table}, '2', 998)`);
  await expectBeside(999);
  await box.check();
  await expect(box).toBeChecked();
  await server.sql(`SELECT rowcast.count_comment(${table}, '2', -998)`);
  await expectBeside(1);
  await comment(bobs, "One").getByRole("button", { name: /^Delete/ }).click();
  await expect(page.locator(".comment-count")).toHaveCount(0);
  await expect(page.locator(".rows[data-comments]")).toHaveCount(0);
  await expect.poll(room).toBe(before);
  await bobs.context().close();
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
