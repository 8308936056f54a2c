import { cell, expect, expectKeys, expectLive, expectTotal, open, test } from "../fixtures";

test("from the start page to a table and back, without loading the page anew", async ({ page, server, items }) => {
  await page.goto("/");
  await page.evaluate(() => ((window as any).same = true));
  await page.getByRole("link", { name: items.name }).click();
  await expectLive(page);
  await expectTotal(page, 120);
  await server.sql(`UPDATE ${items.name} SET title = 'Seen' WHERE id = 1`);
  await expect(cell(page, 1, "title")).toHaveText("Seen");
  await page.getByRole("link", { name: "Tables", exact: true }).click();
  await expect(page.getByRole("link", { name: items.name })).toBeVisible();
  await page.goBack();
  await expectLive(page);
  await expect(cell(page, 1, "title")).toHaveText("Seen");
  expect(await page.evaluate(() => (window as any).same)).toBe(true);
});

test("what a page is left before it came is not begun there, and the next page has it", async ({ page, items }) => {
  const part = /\/pkg\/split_presence\.wasm/;
  let hand = () => {};
  const handed = new Promise<void>((resolve) => (hand = resolve));
  await page.route(part, async (route) => {
    await handed;
    await route.continue();
  });
  await page.goto("/");
  const asked = page.waitForRequest(part);
  await page.getByRole("link", { name: items.name }).click();
  await asked;
  await page.getByRole("link", { name: "Tables", exact: true }).click();
  await expect(page.getByRole("link", { name: items.name })).toBeVisible();
  const came = page.waitForEvent("requestfinished", (request) => part.test(request.url()));
  hand();
  await came;
  await page.getByRole("link", { name: items.name }).click();
  await expectLive(page);
  await page.getByRole("button", { name: "Your name" }).click();
  await expect(page.getByRole("dialog").getByRole("textbox")).toBeVisible();
});

test("what marks words begins with the table that is searched, not with the next one", async ({ page, server, items }) => {
  const part = /\/pkg\/split_search_marks\.wasm/;
  const other = `${items.name}_other`;
  await server.sql(`CREATE TABLE ${other} (id int PRIMARY KEY, item int REFERENCES ${items.name}, word text);
    INSERT INTO ${other} VALUES (1, 7, 'found')`);
  await server.sql("SELECT rowcast.watch($1::text::regclass)", [other]);
  let hand = () => {};
  const handed = new Promise<void>((resolve) => (hand = resolve));
  await page.route(part, async (route) => {
    await handed;
    await route.continue();
  });
  const asked = page.waitForRequest(part);
  await page.goto(`/tables/${other}?q=found`);
  await asked;
  await cell(page, 1, "item").getByRole("link").click();
  await expectKeys(page, [7]);
  const came = page.waitForEvent("requestfinished", (request) => part.test(request.url()));
  hand();
  await came;
  await server.sql(`UPDATE ${items.name} SET title = 'Goes on' WHERE id = 7`);
  await expect(cell(page, 7, "title")).toHaveText("Goes on");
  await server.sql(`DROP TABLE ${other}`);
});

test("the start page finds tables by their names", async ({ page, items }) => {
  await page.goto("/");
  await page.getByRole("searchbox", { name: "Search tables" }).fill("no such name");
  await expect(page.getByRole("link", { name: items.name })).toHaveCount(0);
  await page.getByRole("searchbox", { name: "Search tables" }).fill(items.name);
  await expect(page.getByRole("link", { name: items.name })).toBeVisible();
});

test("the chosen theme is kept", async ({ page, items }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, items.path);
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: "Appearance" }).click();
  await page.getByRole("radio", { name: "Dark" }).check();
  await expect.poll(background).not.toBe(light);
  const dark = await background();
  await page.reload();
  expect(await background()).toBe(dark);
});

test("a reference leads to the row that it names", async ({ page, server, items }) => {
  const child = `${items.name}_child`;
  await server.sql(`CREATE TABLE ${child} (id int PRIMARY KEY, item int REFERENCES ${items.name});
    INSERT INTO ${child} VALUES (1, 77)`);
  await server.sql("SELECT rowcast.watch($1::text::regclass)", [child]);
  await open(page, `/tables/${child}`);
  await cell(page, 1, "item").getByRole("link").click();
  await expectKeys(page, [77]);
  await server.sql(`DROP TABLE ${child}`);
});
