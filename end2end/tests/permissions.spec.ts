import type { Locator, Page } from "@playwright/test";
import { account, another, signIn, test } from "../accounts";
import { cell, expect, expectLive, expectNoSeriousViolation, expectTotal, type Items } from "../fixtures";
import type { Server } from "../server";

// Each signs in, which is made to cost.
test.describe.configure({ timeout: 120_000 });

/** What is said of a role in a table's page. */
function role(page: Page, name: string): Locator {
  return page.getByRole("region", { name, exact: true });
}

async function asAdministrator(page: Page, server: Server, path: string): Promise<string> {
  const name = account(server, "administrator");
  await page.goto(path);
  await signIn(page, name);
  return name;
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled });

    test("an administrator sets a rule, tries it and takes it away", async ({ page, server, items }) => {
      await asAdministrator(page, server, "/permissions");
      await page.getByRole("link", { name: items.name }).click();
      const member = role(page, "member");
      await expect(member).toContainText("Nothing is said of this table, so what is said of every table (*) holds");
      await member.getByLabel("insert", { exact: true }).uncheck();
      await member.getByLabel("Rows for which this holds").fill("done=eq.true");
      await member.getByText("Columns: all are shown").click();
      await member.getByLabel("notes hidden").check();
      await member.getByRole("button", { name: "Show what it would see" }).click();
      await expect(member.getByRole("status")).toHaveText("30 of 120 rows; columns: id, title, done, estimate, created_at.");
      await expect(member.getByLabel("notes hidden")).toBeChecked();
      await member.getByRole("button", { name: "Set: member" }).click();
      await expect(member.getByRole("status")).toContainText("It holds from now on");
      await expect(member).toContainText("in place of what is said of every table (*): read, insert, update, delete.");
      await member.getByLabel("Rows for which this holds").fill("estimate=eq.much");
      await member.getByRole("button", { name: "Set: member" }).click();
      await expect(member.getByRole("alert")).toContainText("estimate");
      await expect(member.getByLabel("Rows for which this holds")).toHaveValue("estimate=eq.much");
      await member.getByRole("button", { name: "Take away" }).click();
      await expect(member).toContainText("Nothing is said of this table");
    });

    test("roles are made and removed", async ({ page, server }) => {
      await asAdministrator(page, server, "/permissions");
      const name = `desk-${crypto.randomUUID().slice(0, 8)}`;
      await page.getByLabel("Name of a new role").fill("No Role");
      await page.getByRole("button", { name: "Make role" }).click();
      await expect(page.getByRole("alert")).toContainText("begins with a letter");
      await page.getByLabel("Name of a new role").fill(name);
      await page.getByLabel("What it is for").fill("the desk");
      await page.getByRole("button", { name: "Make role" }).click();
      await expect(page.getByRole("status")).toContainText("The role is made");
      await page.getByRole("button", { name: `Remove: ${name}` }).click();
      await expect(page.getByRole("status")).toContainText("removed");
      await expect(page.getByText(name)).toHaveCount(0);
    });
  });
}

test("what is open follows a rule at once, and tells nothing of what it takes away", async ({ page, browser, server, items }) => {
  const member = await another(browser, server);
  await member.goto(items.path);
  await signIn(member, account(server));
  await expectLive(member);
  await expectTotal(member, 120);
  await expect(member.locator('[data-column="notes"]').first()).toBeVisible();
  await asAdministrator(page, server, `/permissions/public.${items.name}`);
  const form = role(page, "member");
  await form.getByLabel("Rows for which this holds").fill("done=eq.true");
  await form.getByText("Columns: all are shown").click();
  await form.getByLabel("notes hidden").check();
  await form.getByRole("button", { name: "Set: member" }).click();
  await expect(form.getByRole("status")).toContainText("It holds from now on");
  await expectTotal(member, 30);
  await expectLive(member);
  await expect(member.locator('tr[data-key] [data-column="notes"]')).toHaveCount(0);
  // What others write there is not told either, and what is theirs is.
  await server.sql(`UPDATE ${items.name} SET notes = 'sealed', title = title || ' told' WHERE id IN (4, 5)`);
  await expect(member.getByText("Item 4 told")).toBeVisible();
  await expect(member.getByText("sealed")).toHaveCount(0);
  await expect(member.getByText("Item 5 told")).toHaveCount(0);
  // Nothing is left.
  await form.getByLabel("read", { exact: true }).uncheck();
  await form.getByRole("button", { name: "Set: member" }).click();
  await expect(form.getByRole("status")).toContainText("It holds from now on");
  await expect(member.locator("tr[data-key]")).toHaveCount(0);
  await member.context().close();
});

/** What members may do beside reading, from now on. */
async function allow(page: Page, server: Server, items: Items, grant: object) {
  const answer = await page.request.put(`/api/permissions/member/${items.name}`, {
    data: { read: true, ...grant },
    headers: { Origin: server.url },
  });
  expect(answer.status()).toBe(200);
}

test("a row's detail offers what its reader may do with it", async ({ page, browser, server, items }) => {
  await asAdministrator(page, server, "/permissions");
  const set = (grant: object) => allow(page, server, items, grant);
  const member = await another(browser, server);
  const dialog = member.getByRole("dialog");
  const button = (name: string) => dialog.getByRole("button", { name, exact: true });
  const expectOffered = async (names: string[]) => {
    await expect(member.getByRole("button", { name: "New row" })).toHaveCount(names.includes("Duplicate") ? 1 : 0);
    await member.locator('tr[data-key="4"] td').nth(1).click();
    await member.keyboard.press("Alt+Enter");
    await expect(dialog.getByRole("heading", { name: "Comments" })).toBeVisible();
    for (const name of ["Duplicate", "Delete", "Save"]) {
      await expect(button(name), name).toHaveCount(names.includes(name) ? 1 : 0);
    }
    await expect(dialog.getByRole("textbox", { name: "title" })).toHaveCount(names.includes("Save") ? 1 : 0);
  };
  await set({});
  await member.goto(items.path);
  await signIn(member, account(server));
  await expectLive(member);
  await expectOffered([]);
  await expectNoSeriousViolation(member);
  for (const [grant, offered] of [
    [{ insert: true }, ["Duplicate"]],
    [{ update: true }, ["Save"]],
    [{ delete: true }, ["Delete"]],
    [{ insert: true, update: true, delete: true }, ["Duplicate", "Delete", "Save"]],
  ] as const) {
    await set(grant);
    await member.goto(items.path);
    await expectLive(member);
    await expectOffered([...offered]);
  }
  // Where there can be no comments none are asked for, and what Rowcast keeps nobody writes.
  await page.goto("/tables/rowcast.audit?order=id.desc");
  await expectLive(page);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const detail = page.getByRole("dialog");
  const openDetail = async () => {
    await page.locator("tr[data-key] td").nth(1).click();
    await page.keyboard.press("Alt+Enter");
    await expect(detail.getByRole("heading", { level: 2 })).toBeVisible();
  };
  await openDetail();
  for (const name of ["Duplicate", "Delete", "Save"]) {
    await expect(detail.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await detail.getByRole("button", { name: "Close" }).click();
  await page.goto(`${items.path}?id=eq.4`);
  await expectLive(page);
  await openDetail();
  await expect(detail.getByRole("heading", { name: "Comments" })).toBeVisible();
  expect(asked.filter((path) => path.startsWith("/api/comments/"))).toEqual([`/api/comments/${items.name}/4`]);
  await member.context().close();
});

test("a column that somebody may not write is shown to them, and not offered", async ({ page, browser, server, items }) => {
  await asAdministrator(page, server, "/permissions");
  await allow(page, server, items, { update: true, read_only: ["title"] });
  const member = await another(browser, server);
  const dialog = member.getByRole("dialog");
  await member.goto(items.path);
  await signIn(member, account(server));
  await expectLive(member);
  await cell(member, 4, "title").click();
  await member.keyboard.press("Enter");
  await expect(member.getByText("You may not change this column.")).toBeVisible();
  await member.keyboard.press("Alt+Enter");
  await expect(dialog.getByRole("textbox", { name: "notes", exact: true })).toBeVisible();
  await expect(dialog.getByRole("textbox", { name: "title", exact: true })).toHaveCount(0);
  await expect(dialog.getByText("Not yours to change")).toBeVisible();
  await expectNoSeriousViolation(member);
  // Where no column is theirs, rows can still be deleted; what an import lacks is said whosever it is.
  const table = await (await page.request.get(`/api/tables/${items.name}`)).json();
  const columns = table.columns.map((column: { name: string }) => column.name);
  await allow(page, server, items, { insert: true, update: true, delete: true, read_only: columns });
  await member.goto(items.path);
  await expectLive(member);
  await member.getByRole("checkbox", { name: "Choose row 4", exact: true }).click();
  await expect(member.getByRole("button", { name: "Delete…" })).toBeVisible();
  await expect(member.getByRole("button", { name: "Set value…" })).toHaveCount(0);
  await member.getByRole("button", { name: "Import" }).click();
  await dialog.getByLabel("File").setInputFiles({ name: "items.csv", mimeType: "text/csv", buffer: Buffer.from("notes\nnew\n") });
  await expect(dialog.getByText("Rows need a value here that the file doesn't give them: id, title")).toBeVisible();
  await member.context().close();
});

test("a rule is set with the keyboard alone", async ({ page, server, items }) => {
  await asAdministrator(page, server, `/permissions/public.${items.name}`);
  const member = role(page, "member");
  const read = member.getByLabel("read", { exact: true });
  await read.focus();
  for (const name of ["insert", "update", "delete"]) {
    await page.keyboard.press("Tab");
    await expect(member.getByLabel(name, { exact: true })).toBeFocused();
    await page.keyboard.press("Space");
  }
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await expect(member.getByLabel("Rows for which this holds")).toBeFocused();
  await page.keyboard.type("done=eq.true");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await expect(member.getByLabel("id read-only")).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(member.getByLabel("title hidden")).toBeFocused();
  await page.keyboard.press("Space");
  // From within a rule it is tried, so that nothing is set by a key too many.
  await member.getByLabel("Rows for which this holds").focus();
  await page.keyboard.press("Enter");
  await expect(member.getByRole("status")).toHaveText("30 of 120 rows; columns: id, notes, done, estimate, created_at.");
  await member.getByRole("button", { name: "Show what it would see" }).focus();
  await page.keyboard.press("Tab");
  await expect(member.getByRole("button", { name: "Set: member" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(member.getByRole("status")).toContainText("It holds from now on");
  await expect(member.getByLabel("title hidden")).toBeChecked();
  await expect(member.getByLabel("delete", { exact: true })).not.toBeChecked();
  await page.goto("/permissions");
  await expect(page.getByText("read; rows done=eq.true; hidden title")).toBeVisible();
});

test("whoever manages a table is led to it, and to no other", async ({ page, browser, server, items }) => {
  await asAdministrator(page, server, "/permissions");
  const desk = `desk-${crypto.randomUUID().slice(0, 8)}`;
  await page.getByLabel("Name of a new role").fill(desk);
  await page.getByRole("button", { name: "Make role" }).click();
  await page.goto(`/permissions/public.${items.name}`);
  const form = role(page, desk);
  await form.getByLabel("read", { exact: true }).check();
  await form.getByLabel("manage", { exact: true }).check();
  await form.getByRole("button", { name: `Set: ${desk}` }).click();
  await expect(form.getByRole("status")).toContainText("It holds from now on");
  const manager = await another(browser, server);
  await manager.goto("/account");
  await signIn(manager, account(server, desk));
  await manager.getByRole("link", { name: "Permissions" }).click();
  await expect(manager.locator(".said li")).toHaveCount(1);
  await manager.getByRole("link", { name: items.name }).click();
  await expect(role(manager, desk)).toContainText("for administrators to change");
  const member = role(manager, "member");
  await expect(member.getByLabel("manage", { exact: true })).toHaveCount(0);
  await member.getByLabel("delete", { exact: true }).uncheck();
  await member.getByRole("button", { name: "Set: member" }).click();
  await expect(member.getByRole("status")).toContainText("It holds from now on");
  await manager.context().close();
});

test("attributes are set, and open links withdrawn, in the users' page", async ({ page, server }) => {
  const name = await asAdministrator(page, server, "/users");
  const attributes = page.getByLabel(`Attributes of ${name}`, { exact: true });
  await attributes.fill("north");
  await page.getByRole("button", { name: `Set: Attributes of ${name}` }).click();
  await expect(page.getByRole("alert")).toContainText("no JSON object");
  await expect(attributes).toHaveValue("north");
  await attributes.fill('{"team": "north"}');
  await page.getByRole("button", { name: `Set: Attributes of ${name}` }).click();
  await expect(page.getByRole("status")).toContainText("The attributes are set");
  await expect(attributes).toHaveValue('{"team":"north"}');
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByRole("status").locator("code").textContent();
  await page.getByRole("button", { name: "Withdraw: Invites a member" }).first().click();
  await expect(page.getByRole("status")).toContainText("The link is void");
  await page.goto(link!);
  await expect(page.getByText("This link leads nowhere").first()).toBeVisible();
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [360, 1280]) {
    test.describe(`in the ${colorScheme} theme, ${width} pixels wide`, () => {
      test.use({ colorScheme, viewport: { width, height: 800 } });

      test("the pages have no serious violation and fit", async ({ page, server, items }) => {
        await asAdministrator(page, server, "/permissions");
        await expect(page.getByRole("heading", { name: "Roles", exact: true })).toBeVisible();
        await fits(page);
        await page.goto(`/permissions/public.${items.name}`);
        const member = role(page, "member");
        await member.getByText("Columns: all are shown").click();
        await member.getByRole("button", { name: "Show what it would see" }).click();
        await expect(member.getByRole("status")).toContainText("120 of 120 rows");
        await fits(page);
        await member.getByLabel("Rows for which this holds").fill("nothing=eq.1");
        await member.getByRole("button", { name: "Set: member" }).click();
        await expect(member.getByRole("alert")).toBeVisible();
        await fits(page);
        await page.goto("/users");
        await page.getByRole("button", { name: "Make a link" }).click();
        await expect(page.getByRole("heading", { name: "Open links" })).toBeVisible();
        await fits(page);
      });
    });
  }
}

/** Nothing of a page is to the side of the window, and axe finds nothing. */
async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over).toBeLessThanOrEqual(0);
  await expectNoSeriousViolation(page);
}
