import { account, signIn, test } from "../accounts";
import { expect, expectLive, expectNoSeriousViolation } from "../fixtures";

// Signing in is made to cost.
test.describe.configure({ timeout: 120_000 });

test("a saved view is watched in two clicks, and a row that enters it is told", async ({ page, server, items }) => {
  const ann = account(server);
  await server.sql("INSERT INTO rowcast.saved_view (table_path, name, query) VALUES ($1, 'Big ones', 'estimate=gt.1000')", [
    items.name,
  ]);
  await page.goto(items.path);
  await signIn(page, ann);
  await expectLive(page);
  await page.locator(".views-button").click();
  await expect(page.getByRole("link", { name: "Watch these rows…" })).toBeVisible();

  await page.getByRole("link", { name: "Watch “Big ones”" }).click();
  // Which rows these are is said as the table's page says it.
  const conditions = page.getByRole("list", { name: "Conditions" });
  await expect(conditions.getByRole("listitem")).toHaveText(["estimate > 1000"]);
  await page.getByRole("button", { name: "Watch", exact: true }).click();

  await expect(page.getByRole("status")).toHaveText("You are told from now on.");
  await expect(page.getByRole("link", { name: "Big ones" })).toBeVisible();
  await expect(conditions.getByRole("listitem")).toHaveText(["estimate > 1000"]);
  await expectNoSeriousViolation(page);
  await page.goto("/");
  await server.sql(`INSERT INTO ${items.name} (id, title, estimate) VALUES (1000, 'big', 2000), (1001, 'small', 1)`);
  await expect(page.getByRole("link", { name: /^Notifications/ })).toHaveAccessibleName("Notifications, 1 unread");
  await page.goto("/notifications");
  await page.getByRole("link", { name: "Big ones: a row entered" }).click();
  await expect(page.getByRole("gridcell", { name: "big", exact: true })).toBeVisible();
});
