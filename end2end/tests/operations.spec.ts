import { account, signIn, test } from "../accounts";
import { expect, expectLive, expectNoSeriousViolation, rows } from "../fixtures";

// Each signs in, which is made to cost.
test.describe.configure({ timeout: 120_000 });

test("an administrator sees what servers are at, live, and nobody else does", async ({
  page,
  browser,
  server,
  items,
}) => {
  const [ann, bob] = [account(server, "administrator"), account(server)];
  await page.goto("/");
  await signIn(page, ann);
  await page.getByRole("button", { name: ann }).click();
  await page.getByRole("link", { name: "Operations" }).click();
  await expectLive(page);
  const port = new URL(server.url).port;
  const row = rows(page).filter({ hasText: `:${port}` });
  await expect(row).toHaveCount(1);
  await expect(row).toContainText("serving");
  // It comes anew without being asked for.
  const before = await row.innerText();
  await expect.poll(() => row.innerText(), { timeout: 20_000 }).not.toBe(before);
  await expect(page.getByRole("button", { name: "New row" })).toHaveCount(0);
  await expectNoSeriousViolation(page);

  const bobs = await (await browser.newContext({ baseURL: server.url })).newPage();
  await bobs.goto(items.path);
  await signIn(bobs, bob);
  await expectLive(bobs);
  await expect(bobs.getByRole("link", { name: "Operations" })).toHaveCount(0);

  await page.getByRole("button", { name: ann }).click();
  await page.getByRole("link", { name: "Busy queries" }).click();
  await expectLive(page);
  // What bob looks at is among them.
  await expect(rows(page).filter({ hasText: items.name }).first()).toBeVisible({ timeout: 20_000 });
  await expectNoSeriousViolation(page);

  for (const table of ["server", "server_query"]) {
    const answer = await bobs.goto(`/tables/rowcast.${table}`);
    expect(answer?.status()).toBe(404);
  }
  await bobs.context().close();
});
