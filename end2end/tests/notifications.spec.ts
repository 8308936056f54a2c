import type { Page } from "@playwright/test";
import { account, another, signIn, test } from "../accounts";
import { expect, expectLive, expectNoSeriousViolation } from "../fixtures";

// Each signs in several times, which is made to cost.
test.describe.configure({ timeout: 120_000 });

const bell = (page: Page) => page.getByRole("link", { name: /^Notifications/ });
const list = (page: Page) => page.getByRole("list", { name: "Notifications" }).getByRole("listitem");

/** The list is live once the switch is there, which no server sends. */
const expectLiveList = (page: Page) => expect(page.getByText(/This browser shows/)).toBeVisible();

test("the bell counts on every page and device, and reading on one clears the others", async ({
  page,
  browser,
  server,
  items,
}) => {
  const [ann, bob] = [account(server), account(server)];
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(items.path);
  await signIn(page, ann);
  await expectLive(page);
  const other = await another(browser, server);
  await other.goto("/notifications");
  await signIn(other, ann);
  await expectLiveList(other);
  // What refuses something is not there as long as nothing is.
  await expect(other.locator(".notice:visible")).toHaveCount(0);
  const bobs = await another(browser, server);
  await bobs.goto("/");
  await signIn(bobs, bob);
  await expect(bell(bobs)).toHaveAccessibleName("Notifications");

  const title = await page.title();
  server.rowcast(["notify", ann, "The export is done", "1,200 rows", "--link", items.path]);
  server.rowcast(["notify", ann, "Another one"]);
  server.rowcast(["notify", bob, "For Bob"]);
  await expect(bell(page)).toHaveAccessibleName("Notifications, 2 unread");
  await expect(page).toHaveTitle(`(2) ${title}`);
  await expect(bell(other)).toHaveAccessibleName("Notifications, 2 unread");
  await expect(list(other)).toHaveCount(2);
  await expect(list(other).first()).toContainText("Another one");
  await expect(bell(bobs)).toHaveAccessibleName("Notifications, 1 unread");
  await expect(bobs).toHaveTitle(/^\(1\) Tables/);

  // Exact on hover, and read by whoever follows it.
  const first = list(other).filter({ hasText: "The export is done" });
  await expect(first.locator("time")).toHaveAttribute("title", /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  await expect(first).toContainText("Unread");
  await first.getByRole("button", { name: /^Mark as read/ }).click();
  await expect(bell(page)).toHaveAccessibleName("Notifications, 1 unread");
  await expect(page).toHaveTitle(`(1) ${title}`);
  await expect(first).not.toContainText("Unread");
  await expect(first.getByRole("button", { name: /^Mark as unread/ })).toBeFocused();
  await other.getByRole("button", { name: "Mark all as read" }).click();
  await expect(bell(page)).toHaveAccessibleName("Notifications");
  await expect(page).toHaveTitle(title);
  await expect(bell(bobs)).toHaveAccessibleName("Notifications, 1 unread");

  await first.getByRole("button", { name: /^Remove/ }).focus();
  await other.keyboard.press("Enter");
  await expect(list(other)).toHaveCount(1);
  await expect(list(other).getByRole("button", { name: /^Remove/ })).toBeFocused();
  await other.keyboard.press("Enter");
  await expect(other.getByText("There are no notifications.")).toBeVisible();
  expect(errors).toEqual([]);
});

/** Fails where something of the bar at the top of the page lies on something else, or leaves the screen. */
async function expectNothingCovered(page: Page, width: number) {
  const { parts, covered } = await page.evaluate(() => {
    const shown = [...document.querySelectorAll(".top-bar :is(a, button), .top-bar .icon, .bell .count")]
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ element, box }) => box.width > 1 && box.height > 1 && !element.closest("[popover]"));
    const name = (element: Element) => element.className || element.tagName;
    const covered = shown.flatMap(({ element, box }) =>
      shown
        // What belongs to a part lies on it, as the count does on the bell.
        .filter((other) => !other.element.contains(element) && !element.contains(other.element))
        .filter((other) => !(element.closest(".bell") && other.element.closest(".bell")))
        .filter(({ box: of }) => box.left < of.right && of.left < box.right && box.top < of.bottom && of.top < box.bottom)
        .map((other) => `${name(element)} ${box.left}–${box.right} on ${name(other.element)} ${other.box.left}–${other.box.right}`),
    );
    return { parts: shown.map(({ element, box }) => ({ name: name(element), right: box.right })), covered };
  });
  expect(parts.map((part) => part.name)).toContain("count");
  expect(covered, `at ${width}`).toEqual([]);
  for (const part of parts) expect(part.right, `${part.name} at ${width}`).toBeLessThanOrEqual(width);
}

test("the bell's count covers nothing beside it, however many there are", async ({ page, server, items }) => {
  const ann = account(server);
  await page.goto("/notifications");
  await signIn(page, ann);
  await expectLiveList(page);
  const tell = (more: number) =>
    server.sql(
      `SELECT rowcast.notify($1::text, 'Number ' || n) FROM generate_series(1, $2::int) n`,
      [ann, more],
    );
  const pages = [items.path, "/notifications", `/comments/${items.name}/1`, "/feed"];
  for (const [more, all] of [[1, 1], [11, 12], [108, 120]] as const) {
    await tell(more);
    for (const address of pages) {
      await page.goto(address);
      await expect(bell(page)).toHaveAccessibleName(`Notifications, ${all > 99 ? "99+" : all} unread`);
      await expect(bell(page).locator(".count")).toHaveText(all > 99 ? "99+" : String(all));
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 800 });
        await expectNothingCovered(page, width);
      }
    }
  }
});

test("what was written down is never told as yet to come, where the browser's clock is behind", async ({
  page,
  server,
  items,
}) => {
  const ann = account(server);
  await page.clock.install({ time: Date.now() - 30_000 });
  // Whatever stood there, however briefly.
  await page.addInitScript(() => {
    const seen = new Set<string>();
    Object.assign(window, { seen });
    const look = () => document.querySelectorAll("main time").forEach((time) => seen.add(time.textContent ?? ""));
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
  const seen = () => page.evaluate(() => [...(window as unknown as { seen: Set<string> }).seen]);
  /** How many seconds the newest time lies ahead of what the browser takes for now. */
  const ahead = () =>
    page.evaluate(() => {
      const times = [...document.querySelectorAll("main time")].map((time) => Date.parse(`${time.getAttribute("datetime")}`));
      return (Math.max(...times) - Date.now()) / 1000;
    });
  await page.goto(`/comments/${items.name}/3`);
  await signIn(page, ann);
  await expect(page.locator("#thread-live .posts")).toBeAttached();
  await page.getByRole("textbox", { name: "New comment" }).fill("Just now");
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(page.locator("#thread-live time")).toHaveText(/now|ago/);
  expect(await ahead()).toBeGreaterThan(3);
  expect(await seen()).not.toEqual(expect.arrayContaining([expect.stringMatching(/^in /)]));

  server.rowcast(["notify", ann, "Before"]);
  await page.goto("/notifications");
  await expectLiveList(page);
  server.rowcast(["notify", ann, "While it is open"]);
  await expect(list(page)).toHaveCount(2);
  await expect(list(page).first().locator("time")).toHaveText(/now|ago/);
  expect(await ahead()).toBeGreaterThan(3);
  expect(await seen()).not.toEqual(expect.arrayContaining([expect.stringMatching(/^in /)]));

  const channel = `c${Date.now().toString(36)}`;
  await server.sql(`INSERT INTO rowcast.channel (name, kind) VALUES ('${channel}', 'discussion')`);
  server.rowcast(["post", channel, "A post"]);
  await page.goto(`/feed/${channel}`);
  await expect(page.getByRole("region", { name: /^Posts/ })).toBeVisible();
  server.rowcast(["post", channel, "Another"]);
  await expect(page.locator(".post-body", { hasText: "Another" })).toBeVisible();
  expect(await ahead()).toBeGreaterThan(3);
  expect(await seen()).not.toEqual(expect.arrayContaining([expect.stringMatching(/^in /)]));
});

test("what came while a page was away is there when it comes back, once", async ({ page, server, items }) => {
  const ann = account(server);
  await page.goto(items.path);
  await signIn(page, ann);
  await expectLive(page);
  await expect(bell(page)).toHaveAccessibleName("Notifications");
  await page.context().setOffline(true);
  server.rowcast(["notify", ann, "While away"]);
  await page.context().setOffline(false);
  await page.goto("/notifications");
  await expectLiveList(page);
  await expect(list(page)).toHaveCount(1);
  await expect(bell(page)).toHaveAccessibleName("Notifications, 1 unread");
});

test("what is counted up in a notification, and what is taken away from one, shows where it is open", async ({
  page,
  browser,
  server,
  items,
}) => {
  const [ann, bob] = [account(server), account(server)];
  await page.goto(`/watches?table=${items.name}&query=estimate%3Dgt.1000`);
  await signIn(page, ann);
  await page.getByRole("button", { name: "Watch", exact: true }).click();
  await expect(page.getByRole("status")).toHaveText("You are told from now on.");
  await page.goto("/notifications");
  await expectLiveList(page);
  await server.sql(`INSERT INTO ${items.name} (id, title, estimate) VALUES (1000, 'big', 2000)`);
  await expect(list(page)).toContainText("a row entered");
  await list(page).getByRole("button", { name: /^Remove/ }).focus();
  await server.sql(`INSERT INTO ${items.name} (id, title, estimate) VALUES (1001, 'big', 2000), (1002, 'big', 2001)`);
  await expect(list(page)).toContainText("3 rows entered");
  await expect(list(page)).toHaveCount(1);
  await expect(list(page).getByRole("button", { name: /^Remove.*3 rows entered$/ })).toBeFocused();

  const bobs = await another(browser, server);
  await bobs.goto(`/comments/${items.name}/3`);
  await signIn(bobs, bob);
  bobs.on("dialog", (asked) => void asked.accept());
  await expect(bobs.locator("#thread-live .posts")).toBeAttached();
  await bobs.getByRole("textbox", { name: "New comment" }).fill(`@"${ann}" a slip`);
  await bobs.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(list(page).first()).toContainText("a slip");
  await bobs.locator("#thread-live").getByRole("button", { name: /^Delete/ }).click();
  await expect(page.getByText("a slip")).toHaveCount(0);
  await expect(list(page).first()).toContainText("mentioned you");
  await bobs.context().close();
});

test("following a link reads it", async ({ page, server, items }) => {
  const ann = account(server);
  await page.goto("/notifications");
  await signIn(page, ann);
  await expectLiveList(page);
  server.rowcast(["notify", ann, "Look at it", "--link", items.path]);
  await page.getByRole("link", { name: "Look at it" }).click();
  await expect(page).toHaveURL(new RegExp(`${items.path}$`));
  await expectLive(page);
  await expect(bell(page)).toHaveAccessibleName("Notifications");
});

test("the browser shows new ones by itself once that is switched on, but in quiet hours", async ({
  browser,
  server,
  items,
}) => {
  const ann = account(server);
  const context = await browser.newContext({ baseURL: server.url, permissions: ["notifications"] });
  const page = await context.newPage();
  await page.addInitScript(() => {
    // The browser's own are no part of a page: what asks for them is kept instead.
    const shown: string[] = [];
    class Shown extends EventTarget {
      static permission = "granted";
      static requestPermission = () => Promise.resolve("granted");
      onclick = null;
      constructor(title: string, options: NotificationOptions) {
        super();
        shown.push(`${title}|${options.body}|${options.tag}`);
      }
      close() {}
    }
    Object.assign(window, { Notification: Shown, shown });
  });
  const shown = () => page.evaluate(() => (window as unknown as { shown: string[] }).shown);
  await page.goto("/notifications");
  await signIn(page, ann);
  await expectLiveList(page);
  server.rowcast(["notify", ann, "Not yet"]);
  await expect(list(page)).toHaveCount(1);
  await page.getByRole("button", { name: "Show new ones" }).click();
  await expect(page.getByText("This browser shows new ones by itself")).toBeVisible();
  await page.goto(items.path);
  await expectLive(page);
  await expect(bell(page)).toHaveAccessibleName("Notifications, 1 unread");
  server.rowcast(["notify", ann, "Now", "with a body"]);
  await expect.poll(shown).toEqual([expect.stringMatching(/^Now\|with a body\|rowcast-\d+$/)]);

  // What came between two pages is news on the second, and what was shown is none.
  await page.goto("about:blank");
  server.rowcast(["notify", ann, "Between"]);
  await page.goto(items.path);
  await expect.poll(shown).toEqual([expect.stringMatching(/^Between\|/)]);

  // Any time but this minute: from the next one on, around the clock.
  await page.goto("/notifications");
  const clock = (minutes: number) =>
    page.evaluate((minutes) => {
      const at = new Date(Date.now() + minutes * 60_000);
      return [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
    }, minutes);
  await page.getByLabel("From").fill(await clock(-5));
  await page.getByLabel("To", { exact: true }).fill(await clock(5));
  await page.getByRole("button", { name: "Set quiet hours" }).click();
  await expect(page.getByText("The quiet hours are set.")).toBeVisible();
  await page.goto(items.path);
  await expectLive(page);
  const asked = page.waitForResponse(/\/api\/notifications$/);
  server.rowcast(["notify", ann, "Quiet"]);
  await asked;
  await expect(bell(page)).toHaveAccessibleName("Notifications, 4 unread");
  expect(await shown()).toEqual([]);
  await context.close();
});

for (const theme of ["light", "dark"] as const) {
  test(`the list can be used by everybody, ${theme} and narrow`, async ({ page, server, items }) => {
    const ann = account(server);
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width: 390, height: 800 });
    server.rowcast(["notify", ann, "A title that is rather long for such a narrow page", "body", "--link", items.path]);
    server.rowcast(["notify", ann, "Read"]);
    await page.goto("/notifications");
    await signIn(page, ann);
    await expectLiveList(page);
    await list(page).first().getByRole("button", { name: /^Mark as read/ }).click();
    await expect(list(page).first()).not.toContainText("Unread");
    await expectNoSeriousViolation(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(390);
    await page.goto(items.path);
    await expect(bell(page)).toHaveAccessibleName("Notifications, 1 unread");
    await expect(bell(page)).toBeVisible();
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("the list is whole, and its buttons do what they say", async ({ page, server, items }) => {
    const ann = account(server);
    server.rowcast(["notify", ann, "One", "the body", "--link", items.path]);
    server.rowcast(["notify", ann, "Two"]);
    await page.goto("/notifications");
    await signIn(page, ann);
    await expect(page).toHaveTitle("(2) Notifications · Rowcast");
    await expect(list(page)).toHaveCount(2);
    await expect(list(page).last()).toContainText("the body");
    await expect(page.getByRole("link", { name: "One" })).toHaveAttribute("href", items.path);
    await list(page).first().getByRole("button", { name: /^Mark as read/ }).click();
    await expect(bell(page)).toHaveAccessibleName("Notifications, 1 unread");
    await list(page).first().getByRole("button", { name: /^Mark as unread/ }).click();
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await expect(bell(page)).toHaveAccessibleName("Notifications");
    await list(page).first().getByRole("button", { name: /^Remove/ }).click();
    await expect(list(page)).toHaveCount(1);
    await page.goto("/");
    await bell(page).click();
    await expect(page.getByRole("heading", { name: "Notifications" })).toBeVisible();
  });
});
