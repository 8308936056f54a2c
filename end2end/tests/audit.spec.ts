import { account, signIn, test } from "../accounts";
import { cell, expect, expectLive, expectNoSeriousViolation, rows } from "../fixtures";

// Each signs in several times, which is made to cost.
test.describe.configure({ timeout: 120_000 });

test("an administrator sees what others do as they do it, and can't change that", async ({
  page,
  browser,
  server,
  items,
}) => {
  const [ann, bob] = [account(server, "administrator"), account(server)];
  await page.goto("/");
  await signIn(page, ann);
  await page.getByRole("button", { name: ann }).click();
  await page.getByRole("link", { name: "Audit log" }).click();
  await expectLive(page);
  await expect(rows(page).filter({ hasText: "audit_read" }).filter({ hasText: ann })).toHaveCount(1);
  await expect(page.getByRole("button", { name: "New row" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Import" })).toHaveCount(0);

  const bobs = await (await browser.newContext({ baseURL: server.url })).newPage();
  await bobs.goto(items.path);
  await signIn(bobs, bob);
  await expectLive(bobs);
  const newest = rows(page).first();
  await expect(newest).toContainText("sign_in");
  await expect(newest).toContainText(bob);
  // Whoever has signed in is called as their account is.
  await expect(bobs.getByRole("button", { name: /Your name/ })).toHaveCount(0);

  await cell(bobs, 1, "title").click();
  await expect(cell(bobs, 1, "title")).toBeFocused();
  await bobs.keyboard.press("Enter");
  await expect(bobs.locator("#cell-input")).toHaveValue("Item 1");
  await bobs.keyboard.type("Noted");
  await bobs.keyboard.press("Enter");
  await expect(cell(bobs, 1, "title")).toContainText("Noted");
  await expect(newest).toContainText("update");
  await expect(newest).toContainText(items.name);
  await expect(newest).toContainText(bob);
  await bobs.keyboard.press("ControlOrMeta+z");
  await expect(cell(bobs, 1, "title")).toContainText("Item 1");
  await expect(newest).toContainText("undo");
  await expectNoSeriousViolation(page);

  await expect(bobs.getByRole("link", { name: "Audit log" })).toHaveCount(0);
  const answer = await bobs.goto("/tables/rowcast.audit?order=id.desc");
  expect(answer?.status()).toBe(404);
  await bobs.context().close();
});
