import type { Page } from "@playwright/test";
import { account, another, password, signIn, test } from "../accounts";
import { expect, expectLive, expectNoSeriousViolation } from "../fixtures";
import { Server } from "../server";

// Each signs in several times, which is made to cost, and some start servers of their own.
test.describe.configure({ timeout: 120_000 });

async function join(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("The same again").fill(password);
  await page.getByRole("button", { name: /Join|Become administrator/ }).click();
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled });

    test("the first administrator comes in by the link that the start prints", async ({ page }) => {
      const server = await Server.start("on");
      try {
        expect(server.link).toBeTruthy();
        await page.goto(server.link!);
        await join(page, "Ann");
        await expect(page.getByRole("heading", { name: "Tables" })).toBeVisible();
        await page.getByRole("button", { name: "Ann" }).click();
        await expect(page.getByRole("link", { name: "Your account" })).toBeVisible();
        await expect(page.getByRole("link", { name: "Users" })).toBeVisible();
        await page.goto(server.link!);
        await expect(page.getByText("This link leads nowhere").first()).toBeVisible();
        await page.goto("about:blank");
      } finally {
        await server.dispose();
      }
    });

    test("one signs in, where one wanted to go, and out", async ({ page, server, items }) => {
      const name = account(server);
      await page.goto(`${items.path}?limit=3`);
      await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
      await signIn(page, name, "wrong horse battery");
      await expect(page.getByRole("alert")).toContainText("don’t fit");
      await signIn(page, name);
      await expect(page.locator("tr[data-key]")).toHaveCount(3);
      await page.getByRole("button", { name }).click();
      await page.getByRole("button", { name: "Sign out" }).click();
      await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
      await page.goto(items.path);
      await expect(page).toHaveURL(/\/login\?next=/);
    });
  });
}

test("a page that is open leads to the sign-in page when its reader is signed out", async ({ page, server, items }) => {
  const name = account(server);
  await page.goto(`${items.path}?limit=3`);
  await signIn(page, name);
  await expectLive(page);
  server.rowcast(["user", "sign-out", name]);
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
  await signIn(page, name);
  await expectLive(page);
});

test("a new password signs out everywhere else", async ({ page, browser, server }) => {
  const name = account(server);
  const elsewhere = await another(browser, server);
  await elsewhere.goto("/");
  await signIn(elsewhere, name);
  await page.goto("/account");
  await signIn(page, name);
  const changed = "another horse battery";
  await page.getByLabel("Password now").fill(password);
  await page.getByLabel("New password").fill(changed);
  await page.getByLabel("The same again").fill(changed);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("status")).toContainText("The password is changed");
  await elsewhere.reload();
  await signIn(elsewhere, name);
  await expect(elsewhere.getByRole("alert")).toBeVisible();
  await signIn(elsewhere, name, changed);
  await expect(elsewhere.getByRole("button", { name })).toBeVisible();
  await elsewhere.context().close();
});

test("an administrator invites somebody, and disables them", async ({ page, browser, server }) => {
  const name = account(server, "administrator");
  await page.goto("/users");
  await signIn(page, name);
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByRole("status").locator("code").textContent();
  const invited = await another(browser, server);
  await invited.goto(link!);
  const guest = `guest of ${name}`;
  await join(invited, guest);
  await expect(invited.getByRole("button", { name: guest })).toBeVisible();
  await page.goto("/users");
  await page.getByRole("button", { name: `Disable: ${guest}` }).click();
  await expect(page.getByRole("status")).toContainText("disabled");
  // The page is told, wherever it is: it may be leaving by itself, which ends this navigation.
  await invited.goto("/").catch((error: Error) => {
    const isLedAway = /ERR_ABORTED|interrupted by another navigation to "[^"]*\/login"/;
    if (!isLedAway.test(error.message)) throw error;
  });
  await expect(invited.getByRole("button", { name: "Sign in" })).toBeVisible();
  await invited.context().close();
});

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme} theme`, () => {
    test.use({ colorScheme });

    test("the pages of accounts have no serious violation", async ({ page, server }) => {
      const name = account(server, "administrator");
      await page.goto("/login");
      await expectNoSeriousViolation(page);
      await signIn(page, name, "wrong horse battery");
      await expect(page.getByRole("alert")).toBeVisible();
      await expectNoSeriousViolation(page);
      await signIn(page, name);
      await page.goto("/account");
      await page.getByLabel("What it is for").fill("ci");
      await page.getByRole("button", { name: "Create token" }).click();
      await expect(page.getByRole("status")).toContainText("rc_");
      await expectNoSeriousViolation(page);
      await page.goto("/users");
      await expect(page.getByRole("heading", { name: "Invite somebody" })).toBeVisible();
      await expectNoSeriousViolation(page);
    });
  });
}
