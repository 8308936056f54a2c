import { cell, connection, expect, expectKeys, expectLive, expectNoSeriousViolation, expectTotal, open, test } from "../fixtures";

test("a page whose server is restarted recovers by itself and skips nothing", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id&limit=3`);
  await server.stop();
  await expect(connection(page)).toHaveAttribute("data-state", /offline|connecting/);
  await server.start();
  await server.sql(`UPDATE ${items.name} SET title = 'Meanwhile' WHERE id = 1`);
  await server.sql(`DELETE FROM ${items.name} WHERE id = 2`);
  await expectLive(page);
  await expect(cell(page, 1, "title")).toHaveText("Meanwhile");
  await expectKeys(page, [1, 3, 4]);
  await expectTotal(page, 119);
});

test("a page whose server is killed recovers by itself", async ({ page, server, items }) => {
  // What is loaded once the page is live is there then: a file cut off is an error of the browser's.
  const said = page.waitForRequest(/\/api\/presence\//);
  await open(page, `${items.path}?order=id&limit=3`);
  await said;
  await server.stop("SIGKILL");
  await expect(connection(page)).toHaveAttribute("data-state", /offline|connecting/);
  await server.start();
  await expectLive(page);
  await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (0, 'After')`);
  await expectKeys(page, [0, 1, 2]);
});

test("a page whose database is killed recovers by itself", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id&limit=3`);
  await server.sql(`UPDATE ${items.name} SET title = 'Before' WHERE id = 1`);
  server.killDatabase();
  await expect.poll(() => server.sql(`DELETE FROM ${items.name} WHERE id = 2`).then(() => true, () => false)).toBe(true);
  await server.whenReady();
  await expectLive(page);
  await expect(cell(page, 1, "title")).toHaveText("Before");
  await expectKeys(page, [1, 3, 4]);
  await expectTotal(page, 119);
});

test("a page whose program has ended says so, and is there again when it is loaded", async ({ browser, server, items }) => {
  const context = await browser.newContext({ baseURL: server.url });
  const page = await context.newPage();
  // It finds another page than the one that it was made for, which is a defect as any other.
  await page.route(`**${items.path}`, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/<footer.*<\/footer>/s, "") });
  });
  await page.goto(items.path);
  const notice = page.getByRole("alert");
  await expect(notice).toContainText("This page has stopped");
  await expect(connection(page)).toHaveText("Stopped");
  await expectNoSeriousViolation(page);
  await page.unroute(`**${items.path}`);
  await notice.getByRole("link", { name: "Load it again" }).click();
  await expectLive(page);
  await expect(notice).toHaveCount(0);
  await context.close();
});
