import type { Page } from "@playwright/test";
import { account, another, signIn, test } from "../accounts";
import { expect, expectNoSeriousViolation, expectNoSideways, longCode } from "../fixtures";

// Each signs in several times, which is made to cost.
test.describe.configure({ timeout: 120_000 });

const posts = (page: Page) => page.getByRole("list", { name: "Posts" }).locator("> li");
const post = (page: Page, words: string) =>
  posts(page).filter({ has: page.locator(".post-body", { hasText: words }) });
const channel = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Channels" }).getByRole("link", { name });
const dialog = (page: Page) => page.getByRole("dialog");

/** The page is live once there is the dialog's button, which no server sends. */
const expectLiveFeed = (page: Page) =>
  expect(page.getByRole("region", { name: /^Posts/ })).toBeVisible();

async function write(page: Page, words: string) {
  await page.getByRole("button", { name: "New post" }).click();
  await dialog(page).getByRole("textbox").fill(words);
  await dialog(page).getByRole("button", { name: "Post" }).click();
  await expect(dialog(page)).toBeHidden();
}

let made = 0;

/** A channel that this test alone uses. */
async function newChannel(sql: (text: string) => Promise<unknown>, isPrivate = false): Promise<string> {
  const name = `c${Date.now().toString(36)}${made++}`;
  await sql(
    `INSERT INTO rowcast.channel (name, kind, is_private) VALUES ('${name}', 'discussion', ${isPrivate})`,
  );
  return name;
}

const letIn = (name: string, who: string) =>
  `INSERT INTO rowcast.channel_member (channel, account)
   SELECT c.id, a.id FROM rowcast.channel c, rowcast.account a WHERE c.name = '${name}' AND a.name = '${who}'`;

test("two people write to each other: posts, answers, changes, reactions, names", async ({
  page,
  browser,
  server,
}) => {
  const [ann, bob] = [account(server), account(server)];
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const name = await newChannel((text) => server.sql(text));
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  const other = await another(browser, server);
  other.on("pageerror", (error) => errors.push(error.message));
  await other.goto(`/feed/${name}`);
  await signIn(other, bob);
  await expectLiveFeed(other);

  await write(page, `Hello **all**, and @"${bob}"\n\n<b>no markup</b>`);
  await expect(post(other, "Hello all").locator("strong")).toHaveText("all");
  await expect(post(other, "Hello all")).toContainText("<b>no markup</b>");
  await expect(other.getByRole("link", { name: "Notifications, 1 unread" })).toBeVisible();

  // An answer, with the keyboard alone.
  await post(other, "Hello all").getByRole("link", { name: /^Reply/ }).focus();
  await other.keyboard.press("Enter");
  await expect(dialog(other)).toBeVisible();
  await other.keyboard.type("Hello yourself");
  await other.keyboard.press("Control+Enter");
  await expect(dialog(other)).toBeHidden();
  await expect(post(page, "Hello yourself")).toContainText("Answers");
  await expect(post(page, "Hello yourself")).toContainText(`${ann}: Hello all`);

  // Whoever wrote it changes it, and nobody else.
  await expect(post(other, "Hello all").getByRole("link", { name: "Edit" })).toHaveCount(0);
  await post(page, "no markup").first().hover();
  await post(page, "no markup").first().getByRole("link", { name: "Edit" }).click();
  await dialog(page).getByRole("textbox").fill("Changed");
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await expect(post(other, "Changed").first()).toContainText("edited");

  const answer = post(page, "Hello yourself");
  await answer.hover();
  await answer.getByText("React", { exact: true }).click();
  await answer.getByRole("button", { name: "React 🎉" }).click();
  await expect(answer.locator(".reactions").getByRole("button", { name: "🎉 1" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  const seen = post(other, "Hello yourself").locator(".reactions").getByRole("button", { name: "🎉" });
  await expect(seen).toHaveAttribute("aria-pressed", "false");
  await seen.click();
  await expect(seen).toHaveText("🎉2");
  await expect(seen).toHaveAttribute("aria-pressed", "true");

  // Somebody is typing.
  await other.getByRole("button", { name: "New post" }).click();
  await dialog(other).getByRole("textbox").pressSequentially("wor");
  await expect(page.getByText(`${bob} is typing…`)).toBeVisible();
  await other.keyboard.press("Escape");
  await expect(dialog(other)).toBeHidden();

  page.on("dialog", (asked) => void asked.accept());
  await post(page, "Changed").first().hover();
  await post(page, "Changed").first().getByRole("button", { name: "Delete" }).click();
  await expect(posts(other).first()).toContainText("This post was deleted.");
  await expectNoSeriousViolation(page);
  expect(errors).toEqual([]);
});

test("three people and four devices: each hears once, in order, what is for them", async ({
  page,
  browser,
  server,
}) => {
  const [ann, bob, cho] = [account(server), account(server), account(server)];
  const name = await newChannel((text) => server.sql(text), true);
  for (const who of [ann, bob, cho]) {
    await server.sql(letIn(name, who));
  }
  const [second, bobs, chos] = [
    await another(browser, server),
    await another(browser, server),
    await another(browser, server),
  ];
  const devices: [Page, string][] = [
    [page, ann],
    [second, ann],
    [bobs, bob],
    [chos, cho],
  ];
  for (const [device, who] of devices) {
    await device.goto(`/feed/${name}`);
    await signIn(device, who);
    await expectLiveFeed(device);
  }
  const bell = (of: Page, unread: number) =>
    of.getByRole("link", {
      name: unread === 0 ? "Notifications" : `Notifications, ${unread} unread`,
      exact: true,
    });

  // Whoever is named is told, on each of their devices, and nobody else.
  await write(bobs, `@"${ann}" please look`);
  await expect(bell(page, 1)).toBeVisible();
  await expect(bell(second, 1)).toBeVisible();
  await expect(post(chos, "please look")).toBeVisible();
  await expect(bell(chos, 0)).toBeVisible();
  await expect(bell(bobs, 0)).toBeVisible();

  // What is read on one device is read on the other.
  await page.goto("/notifications");
  await page.getByRole("button", { name: "Mark all as read" }).click();
  await expect(bell(second, 0)).toBeVisible();
  await page.goto(`/feed/${name}`);
  await expectLiveFeed(page);

  // One is away while two talk.
  await chos.context().setOffline(true);
  await post(second, "please look").hover();
  await post(second, "please look").getByRole("link", { name: /^Reply/ }).click();
  await dialog(second).getByRole("textbox").fill("Looking");
  await dialog(second).getByRole("button", { name: "Post" }).click();
  await expect(post(bobs, "Looking")).toContainText("Answers");
  await write(bobs, `Thanks. @"${cho}", yours`);
  await expect(post(second, "yours")).toBeVisible();
  await chos.context().setOffline(false);
  await expect(posts(chos)).toHaveCount(3, { timeout: 30_000 });
  await expect(bell(chos, 1)).toBeVisible({ timeout: 30_000 });
  for (const device of [page, second, bobs, chos]) {
    await expect(posts(device).locator(".post-body")).toHaveText([
      /please look/,
      /Looking/,
      /Thanks.*yours/,
    ]);
  }

  // One is put out, the others go on.
  await server.sql(
    `DELETE FROM rowcast.channel_member m USING rowcast.channel c, rowcast.account a
     WHERE m.channel = c.id AND m.account = a.id AND c.name = '${name}' AND a.name = '${cho}'`,
  );
  await expect(chos.getByText("You are not in this channel any more.")).toBeVisible();
  await write(bobs, "Among the two of us");
  await expect(post(page, "Among the two of us")).toBeVisible();
  await expect(post(second, "Among the two of us")).toBeVisible();
  await expect(chos.getByText("Among the two of us")).toHaveCount(0);
});

test("what came while a page was away is there when it comes back, and unread until it is seen", async ({
  page,
  server,
}) => {
  const ann = account(server);
  const [open, other] = [
    await newChannel((text) => server.sql(text)),
    await newChannel((text) => server.sql(text)),
  ];
  await page.goto(`/feed/${open}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  server.rowcast(["post", other, "Elsewhere"]);
  await expect(channel(page, other)).toHaveAccessibleName(new RegExp(`${other}.*1 unread`));
  await page.context().setOffline(true);
  server.rowcast(["post", open, "While away"]);
  await page.context().setOffline(false);
  await expect(posts(page)).toHaveCount(1, { timeout: 30_000 });
  await expect(post(page, "While away")).toBeVisible();
  await expect(channel(page, open)).toHaveAccessibleName(new RegExp(`^${open}$`));
  await channel(page, other).click();
  await expectLiveFeed(page);
  await expect(post(page, "Elsewhere")).toBeVisible();
  await expect(channel(page, other)).toHaveAccessibleName(new RegExp(`^${other}$`));
});

test("whoever is put out of a channel while it is open sees no more of it", async ({ page, server }) => {
  const ann = account(server);
  const name = await newChannel((text) => server.sql(text), true);
  await server.sql(letIn(name, ann));
  server.rowcast(["post", name, "A secret"]);
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  await expect(post(page, "A secret")).toBeVisible();
  // What was seen is said to be read before that can't be said any more.
  const read = () =>
    server.sql(`SELECT FROM rowcast.channel_member m JOIN rowcast.channel c ON c.id = m.channel
                 WHERE c.name = '${name}' AND m.read_to > 0`);
  await expect.poll(async () => (await read()).length).toBe(1);
  await server.sql(
    `DELETE FROM rowcast.channel_member m USING rowcast.channel c WHERE c.id = m.channel AND c.name = '${name}'`,
  );
  server.rowcast(["post", name, "Another secret"]);
  await expect(posts(page)).toHaveCount(0);
  await expect(channel(page, name)).toHaveCount(0);
  await expect(page.getByText("Another secret")).toHaveCount(0);
  await expect(page.getByText("You are not in this channel any more.")).toBeVisible();
  expect((await page.request.get(`/feed/${name}`)).status()).toBe(404);
});

test("5,000 posts scroll, and few of them are in the document", async ({ page, server }) => {
  const ann = account(server);
  const name = await newChannel((text) => server.sql(text));
  await server.sql(
    `INSERT INTO rowcast.post (channel, is_private, author_name, body)
     SELECT c.id, false, 'program', 'number ' || n || repeat(' and more', n % 40)
       FROM rowcast.channel c, generate_series(1, 5000) n WHERE c.name = '${name}' ORDER BY n`,
  );
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  const scroller = page.getByRole("region", { name: /^Posts/ });
  await expect(post(page, "number 5000").first()).toBeInViewport();
  const count = () => posts(page).count();
  expect(await count()).toBeLessThanOrEqual(250);
  // Up, a screen at a time: what is seen goes on without a jump or a gap.
  const first = () =>
    scroller.evaluate((element) => {
      const top = element.getBoundingClientRect().top;
      const items = [...element.querySelectorAll(".post")];
      const seen = items.find((item) => item.getBoundingClientRect().bottom > top + 1);
      return Number(seen?.querySelector(".post-body")?.textContent?.match(/number (\d+)/)?.[1] ?? 0);
    });
  let last = await first();
  await scroller.hover();
  for (let step = 0; step < 60; step++) {
    await page.mouse.wheel(0, -500);
    await expect.poll(first).toBeLessThan(last);
    const now = await first();
    expect(last - now).toBeLessThan(30);
    last = now;
  }
  expect(last).toBeLessThan(4800);
  expect(await count()).toBeLessThanOrEqual(250);
  // To the very beginning, at once.
  await scroller.evaluate((element) => element.scrollTo(0, 0));
  await expect(post(page, "number 1").first()).toBeInViewport();
  await page.getByRole("button", { name: "To the newest" }).click();
  await expect(post(page, "number 5000").first()).toBeInViewport();
});

test("a link to rows tells how many they are, and goes on telling it", async ({ page, server, items }) => {
  const ann = account(server, "administrator");
  const name = await newChannel((text) => server.sql(text));
  server.rowcast(["post", name, `See ${items.path}?id=lte.3 and [this](/tables/no_such_table)`]);
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  const chip = page.locator(".row-chip").first();
  await expect(chip).toContainText("3 rows");
  await server.sql(`DELETE FROM ${items.name} WHERE id = 1`);
  await expect(chip).toContainText("2 rows");
});

test("of many links those that ask the same share a query, and what is ours has no chip", async ({
  page,
  server,
  items,
}) => {
  const ann = account(server, "administrator");
  const name = await newChannel((text) => server.sql(text));
  for (let at = 0; at < 30; at++) {
    server.rowcast(["post", name, `${items.path}?id=lte.${at} ${items.path}?id=lte.1 /tables/rowcast.audit`]);
  }
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  await expect(page.locator(".row-chip").first()).toBeVisible();
  const hrefs = await page
    .locator(".row-chip")
    .evaluateAll((chips) => chips.map((chip) => chip.getAttribute("href") ?? ""));
  expect(new Set(hrefs).size).toBe(20);
  expect(hrefs.length).toBeGreaterThan(20);
  expect(hrefs.filter((href) => href.includes("rowcast."))).toEqual([]);
  await expect(posts(page).last().getByRole("link", { name: "/tables/rowcast.audit" })).toBeVisible();
  // The posts are followed all the same.
  server.rowcast(["post", name, "Still here"]);
  await expect(post(page, "Still here")).toBeVisible();
});

test("what is written before the page is live goes on in the dialog", async ({ page, server }) => {
  const ann = account(server);
  const name = await newChannel((text) => server.sql(text));
  server.rowcast(["post", name, "A question"]);
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  for (const [reply, title] of [
    [false, "New post"],
    [true, "Reply to"],
  ] as const) {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route(/\.wasm/, async (route) => {
      await held;
      await route.continue();
    });
    const id = await posts(page).first().getAttribute("data-id");
    await page.goto(`/feed/${name}${reply ? `?reply=${id}` : ""}`, { waitUntil: "commit" });
    await page.locator("#write textarea").fill("begun");
    release();
    await expect(dialog(page)).toBeVisible();
    await expect(dialog(page).getByRole("heading")).toContainText(title);
    await expect(dialog(page).getByRole("textbox")).toHaveValue("begun");
    await expect(dialog(page).getByRole("textbox")).toBeFocused();
    await page.unroute(/\.wasm/);
    await page.keyboard.press("Escape");
  }
});

test("what comes is told to who does not see it, and Escape closes the reactions", async ({ page, server }) => {
  const ann = account(server);
  const name = await newChannel((text) => server.sql(text));
  server.rowcast(["post", name, "First"]);
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  server.rowcast(["post", name, "Second **one**"]);
  await expect(page.getByRole("status").filter({ hasText: ": Second one" })).toHaveCount(1);
  const first = post(page, "First").first();
  await first.hover();
  await first.getByText("React", { exact: true }).click();
  await first.getByRole("button", { name: "React 🎉" }).focus();
  await page.keyboard.press("Escape");
  await expect(first.getByRole("button", { name: "React 🎉" })).toBeHidden();
  await expect(first.locator("summary")).toBeFocused();
});

test("an image is brought and shown, and takes nobody away from the end", async ({ page, server }) => {
  const ann = account(server);
  const name = await newChannel((text) => server.sql(text));
  await server.sql(
    `SELECT rowcast.post('${name}', 'Post ' || n) FROM generate_series(1, 30) AS n`,
  );
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  const toNewest = page.getByRole("button", { name: "To the newest" });
  await expect(post(page, "Post 30")).toBeInViewport();
  await expect(toNewest).toBeHidden();
  await page.getByRole("button", { name: "New post" }).click();
  const square = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 300;
    return canvas.toDataURL("image/png").split(",")[1]!;
  });
  await page.getByLabel("Add an image").setInputFiles({
    name: "square.png",
    mimeType: "image/png",
    buffer: Buffer.from(square, "base64"),
  });
  await expect(dialog(page).getByRole("textbox")).toHaveValue(/!\[square\.png\]\(\/feed\/images\/\d+\)/);
  await dialog(page).getByRole("button", { name: "Post" }).click();
  const image = posts(page).getByRole("img", { name: "square.png" });
  await expect.poll(() => image.evaluate((element: HTMLImageElement) => element.naturalWidth)).toBe(300);
  const scroller = page.getByRole("region", { name: /^Posts/ });
  const below = () =>
    scroller.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  await expect.poll(below).toBeLessThan(2);
  await expect(toNewest).toBeHidden();

  // Who reads further up is asked, not taken there.
  await scroller.evaluate((element) => element.scrollTo(0, 0));
  await expect(toNewest).toBeVisible();
  await toNewest.click();
  await expect.poll(below).toBeLessThan(2);
  await expect(toNewest).toBeHidden();
});

for (const theme of ["light", "dark"] as const) {
  test(`the page fits a phone and has no serious violation in the ${theme} theme`, async ({ page, server }) => {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width: 390, height: 800 });
    const ann = account(server, "administrator");
    // More than a narrow page has room for, before the one that is open and after it.
    for (const _ of Array(5)) await newChannel((text) => server.sql(text));
    const name = await newChannel((text) => server.sql(text));
    for (const _ of Array(5)) await newChannel((text) => server.sql(text));
    server.rowcast(["post", name, "Some `code` and a list\n\n- one\n- two\n\n> quoted\n\n```\nlong line of code here\n```"]);
    await page.goto(`/feed/${name}`);
    await signIn(page, ann);
    await expectLiveFeed(page);
    await expectNoSeriousViolation(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(390);
    await expect(channel(page, name)).toBeInViewport({ ratio: 1 });
    await page.getByRole("button", { name: "New post" }).click();
    await expectNoSeriousViolation(page);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("button", { name: "New post" })).toBeFocused();
  });
}

test("what is begun is kept until it is posted or given up", async ({ page, server }) => {
  const ann = account(server);
  const names = [await newChannel((text) => server.sql(text)), await newChannel((text) => server.sql(text))];
  const field = dialog(page).getByRole("textbox");
  const begin = () => page.getByRole("button", { name: "New post" }).click();
  await page.goto(`/feed/${names[0]}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  await begin();
  await field.fill("Begun");
  await page.keyboard.press("Escape");

  // Another channel has another one.
  await channel(page, names[1]).click();
  await expectLiveFeed(page);
  await begin();
  await expect(field).toHaveValue("");
  await page.keyboard.press("Escape");
  await write(page, "There");

  await page.goto(`/feed/${names[0]}`);
  await expectLiveFeed(page);
  await begin();
  await expect(field).toHaveValue("Begun");
  await dialog(page).getByRole("button", { name: "Post" }).click();
  await expect(dialog(page)).toBeHidden();
  await begin();
  await expect(field).toHaveValue("");
  await field.fill("Begun again");
  await dialog(page).getByRole("button", { name: "Cancel" }).click();

  // What is changed of a post does not take its place, and goes on where it was left.
  const edit = () => post(page, "Begun").getByRole("link", { name: /^Edit/ }).click();
  await edit();
  await field.fill("Changed");
  await page.reload();
  await expectLiveFeed(page);
  await begin();
  await expect(field).toHaveValue("Begun again");
  await page.keyboard.press("Escape");
  await edit();
  await expect(field).toHaveValue("Changed");
  await dialog(page).getByRole("button", { name: "Cancel" }).click();
  await edit();
  await expect(field).toHaveValue("Begun");
});

test("long code stays within its post on a narrow screen", async ({ page, server }) => {
  const ann = account(server);
  await page.setViewportSize({ width: 390, height: 800 });
  const name = await newChannel((text) => server.sql(text));
  server.rowcast(["post", name, longCode]);
  await page.goto(`/feed/${name}`);
  await signIn(page, ann);
  await expectLiveFeed(page);
  await expectNoSideways(page, post(page, "Long:").locator("pre"));
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("channels and posts are read and written", async ({ page, server }) => {
    const ann = account(server);
    const name = await newChannel((text) => server.sql(text));
    server.rowcast(["post", name, "Hello **all**"]);
    await page.goto("/feed");
    await signIn(page, ann);
    await channel(page, name).click();
    await expect(post(page, "Hello all")).toBeVisible();
    await page.getByLabel("New post").fill("From a form");
    await page.getByRole("button", { name: "Post", exact: true }).click();
    await expect(post(page, "From a form")).toBeVisible();
    await post(page, "Hello all").getByRole("link", { name: /^Reply/ }).click();
    await page.getByLabel(/^Answer/).fill("An answer");
    await page.getByRole("button", { name: "Post", exact: true }).click();
    await expect(post(page, "An answer")).toContainText("Answers");
  });
});
