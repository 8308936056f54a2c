import type { Page } from "@playwright/test";
import { cell, expect, expectNoSeriousViolation, expectTotal, open, row, test } from "../fixtures";

/** Puts the focus into a cell, by the keyboard's own means once one cell has it. */
async function focus(page: Page, key: number, column: string): Promise<void> {
  await cell(page, key, column).click();
  await expect(cell(page, key, column)).toBeFocused();
}

/** The one input that edits a cell. */
function editor(page: Page) {
  return page.locator("#cell-input");
}

async function value(server: { sql(text: string): Promise<any[]> }, table: string, key: number, column: string) {
  const [found] = await server.sql(`SELECT ${column}::text AS value FROM ${table} WHERE id = ${key}`);
  return found?.value;
}

test("Enter edits a text, Enter saves it and goes down, and another page shows it", async ({
  page,
  context,
  server,
  items,
}) => {
  const other = await context.newPage();
  await open(other, items.path);
  await open(page, items.path);
  await focus(page, 1, "title");
  await page.keyboard.press("Enter");
  await expect(editor(page)).toBeFocused();
  await expect(editor(page)).toHaveValue("Item 1");
  await page.keyboard.type("Buy milk");
  await page.keyboard.press("Enter");
  await expect(cell(page, 1, "title")).toHaveText("Buy milk");
  await expect(cell(page, 2, "title")).toBeFocused();
  await expect(cell(other, 1, "title")).toHaveText("Buy milk");
  await expect.poll(() => value(server, items.name, 1, "title")).toBe("Buy milk");
  await expect(cell(page, 1, "title").locator(".saving")).toHaveCount(0);
});

test("Escape leaves a value as it was, typing begins a new one, Tab goes on to the right", async ({
  page,
  server,
  items,
}) => {
  await open(page, items.path);
  await focus(page, 1, "title");
  await page.keyboard.press("F2");
  await page.keyboard.type("x");
  await page.keyboard.press("Escape");
  await expect(cell(page, 1, "title")).toBeFocused();
  await expect(cell(page, 1, "title")).toHaveText("Item 1");
  await page.keyboard.press("n");
  await expect(editor(page)).toHaveValue("n");
  await page.keyboard.type("ew");
  await page.keyboard.press("Tab");
  await expect(cell(page, 1, "notes")).toBeFocused();
  await expect.poll(() => value(server, items.name, 1, "title")).toBe("new");
});

test("Escape while what edits is on its way leaves the value as it was", async ({ page, server, items }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/split_editing\.wasm/, async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest(/split_editing\.wasm/);
  await open(page, items.path);
  await focus(page, 1, "title");
  await asked;
  await page.keyboard.press("F2");
  await page.keyboard.type("x");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.type("Second");
  release();
  await expect(editor(page)).toHaveValue("Second");
  await page.keyboard.press("Enter");
  await expect.poll(() => value(server, items.name, 2, "title")).toBe("Second");
  await expect(cell(page, 1, "title")).toHaveText("Item 1");
});

test("the first column's editor is in sight, also of a number", async ({ page, items }) => {
  await open(page, items.path);
  await focus(page, 3, "id");
  await page.keyboard.press("Enter");
  await expect(page.locator("#cell-input")).toBeInViewport({ ratio: 1 });
});

test("a number keeps every digit, and what is no number is not sent", async ({ page, server, items }) => {
  await server.sql(`ALTER TABLE ${items.name} ALTER estimate TYPE numeric`);
  await open(page, items.path);
  await focus(page, 1, "estimate");
  await page.keyboard.press("Enter");
  await expect(editor(page)).toBeFocused();
  await page.keyboard.type("1,5");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert").filter({ hasText: "Write a number" })).toBeVisible();
  await expect(editor(page)).toBeFocused();
  const digits = "12345678901234567890.12345678901234567890";
  await editor(page).fill(digits);
  await page.keyboard.press("Enter");
  await expect.poll(() => value(server, items.name, 1, "estimate")).toBe(digits);
});

test("Ctrl+0 makes a value NULL, and undo and redo go back and forth", async ({ page, server, items }) => {
  await open(page, items.path);
  await focus(page, 1, "notes");
  await page.keyboard.press("Enter");
  await expect(editor(page)).toBeFocused();
  await page.keyboard.press("Control+0");
  await expect(cell(page, 1, "notes").locator(".v")).toHaveText("NULL");
  await expect.poll(() => value(server, items.name, 1, "notes")).toBe(null);
  await expect(cell(page, 1, "notes")).toBeFocused();
  await page.keyboard.press("Control+z");
  await expect.poll(() => value(server, items.name, 1, "notes")).toBe("note 1");
  await expect(cell(page, 1, "notes")).toHaveText("note 1");
  await page.keyboard.press("Control+Shift+Z");
  await expect.poll(() => value(server, items.name, 1, "notes")).toBe(null);
});

test("a boolean is chosen from a list by keys", async ({ page, server, items }) => {
  await open(page, items.path);
  await focus(page, 1, "done");
  await page.keyboard.press("Enter");
  await expect(editor(page)).toBeFocused();
  await expect(page.getByRole("listbox").getByRole("option", { selected: true })).toHaveText("false");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await expect.poll(() => value(server, items.name, 1, "done")).toBe("true");
});

test("an enum and a foreign key are found by what is typed", async ({ page, server, items }) => {
  await server.sql(`
    CREATE TYPE ${items.name}_state AS ENUM ('open', 'in progress', 'closed');
    CREATE TABLE ${items.name}_people (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO ${items.name}_people VALUES (7, 'Ada Lovelace'), (8, 'Grace Hopper');
    ALTER TABLE ${items.name} ADD state ${items.name}_state NOT NULL DEFAULT 'open',
      ADD person int REFERENCES ${items.name}_people`);
  await open(page, `${items.path}?select=id,title,state,person`);
  await focus(page, 1, "state");
  await page.keyboard.press("p");
  await expect(page.getByRole("listbox").getByRole("option")).toHaveText(["open", "in progress"]);
  await editor(page).fill("prog");
  await expect(page.getByRole("listbox").getByRole("option")).toHaveText(["in progress"]);
  await page.keyboard.press("Enter");
  await expect.poll(() => value(server, items.name, 1, "state")).toBe("in progress");
  await focus(page, 2, "person");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("listbox").getByRole("option")).toHaveText(["7Ada Lovelace", "8Grace Hopper"]);
  await editor(page).fill("grace");
  await expect(page.getByRole("listbox").getByRole("option")).toHaveText(["8Grace Hopper"]);
  await page.keyboard.press("Enter");
  await expect.poll(() => value(server, items.name, 2, "person")).toBe("8");
  await server.sql(`ALTER TABLE ${items.name} DROP state, DROP person; DROP TABLE ${items.name}_people;
    DROP TYPE ${items.name}_state`);
});

test.describe("on a clock of its own", () => {
  test.use({ timezoneId: "Asia/Kolkata" });

  test("a time is edited as it is shown, and its zone is named", async ({ page, server, items }) => {
    await server.sql(`UPDATE ${items.name} SET created_at = '2026-03-01 12:00:00.123456+00' WHERE id = 1`);
    await open(page, items.path);
    await focus(page, 1, "created_at");
    await page.keyboard.press("Enter");
    await expect(editor(page)).toHaveValue("2026-03-01 17:30:00.123456");
    await expect(page.getByText("Asia/")).toBeVisible();
    await editor(page).fill("2026-03-02 00:15:00.123456");
    await page.keyboard.press("Enter");
    await expect
      .poll(() => value(server, items.name, 1, "(created_at AT TIME ZONE 'UTC')"))
      .toBe("2026-03-01 18:45:00.123456");
  });
});

test("what the database refuses goes back, says why at the cell, and is taken up again", async ({
  page,
  server,
  items,
}) => {
  await server.sql(`ALTER TABLE ${items.name} ADD CHECK (estimate >= 0)`);
  await open(page, items.path);
  await focus(page, 1, "estimate");
  await page.keyboard.type("-3");
  await expect(editor(page)).toHaveValue("-3");
  await page.keyboard.press("Enter");
  const note = cell(page, 1, "estimate").getByRole("alert");
  await expect(note).toBeVisible();
  await expect(note).toContainText("estimate");
  await expect(cell(page, 1, "estimate").locator(".v")).toHaveText("1.25");
  await page.getByRole("button", { name: "Edit again" }).click();
  await expect(editor(page)).toHaveValue("-3");
  await editor(page).fill("3");
  await page.keyboard.press("Enter");
  await expect.poll(() => value(server, items.name, 1, "estimate")).toBe("3.00");
  await expect(note).toHaveCount(0);
});

test("a new row is filled in, refused at its field, and added", async ({ page, server, items }) => {
  await open(page, items.path);
  await focus(page, 1, "title");
  await page.getByRole("button", { name: "New row" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("heading", { name: `New row in ${items.name}` })).toBeVisible();
  await dialog.getByLabel("title").fill("Made here");
  await dialog.getByRole("button", { name: "Add row" }).click();
  await expect(dialog.getByLabel("id")).toBeFocused();
  await expect(dialog.getByText("A value is needed.")).toBeVisible();
  await dialog.getByLabel("id").fill("1");
  await page.keyboard.press("Control+Enter");
  await expect(dialog.getByLabel("id")).toHaveAttribute("aria-invalid", "true");
  await dialog.getByLabel("id").fill("9001");
  await page.keyboard.press("Control+Enter");
  await expect(dialog).toHaveCount(0);
  await expectTotal(page, 121);
  await expect.poll(() => value(server, items.name, 9001, "title")).toBe("Made here");
  await page.getByRole("button", { name: "Undo" }).click();
  await expectTotal(page, 120);
});

test("a row is shown whole, changed, and deleted after a question, and the deletion is taken back", async ({
  page,
  server,
  items,
}) => {
  await open(page, items.path);
  await focus(page, 3, "title");
  await page.keyboard.press("Alt+Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("title")).toHaveValue("Item 3");
  // What others write shows while it is open.
  await server.sql(`UPDATE ${items.name} SET notes = 'from elsewhere' WHERE id = 3`);
  await expect(dialog.getByLabel("notes", { exact: true })).toHaveValue("from elsewhere");
  await dialog.getByLabel("title").fill("Three");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);
  await expect.poll(() => value(server, items.name, 3, "title")).toBe("Three");
  await focus(page, 3, "title");
  await page.keyboard.press("Alt+Enter");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Delete 1 row" }).click();
  await expect(row(page, 3)).toHaveCount(0);
  await expectTotal(page, 119);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(cell(page, 3, "title")).toHaveText("Three");
});

test("an open row goes on to show what others write when it is in the list no more, and says when it is gone", async ({
  page,
  server,
  items,
}) => {
  await open(page, `${items.path}?title=eq.Item 2`);
  await cell(page, 2, "title").click();
  await page.keyboard.press("Alt+Enter");
  const dialog = page.getByRole("dialog");
  const field = (name: string) => dialog.getByRole("textbox", { name, exact: true });
  await field("notes").fill("Mine");
  await server.sql(`UPDATE ${items.name} SET title = 'Elsewhere' WHERE id = 2`);
  await expect(page.locator("tr[data-key]")).toHaveCount(0);
  await expect(field("title")).toHaveValue("Elsewhere");
  await server.sql(`UPDATE ${items.name} SET title = 'Further', notes = 'Theirs' WHERE id = 2`);
  await expect(field("title")).toHaveValue("Further");
  // What is being written stays, and what came meanwhile is said.
  await expect(field("notes")).toHaveValue("Mine");
  await expect(dialog.getByText("Someone else has changed it to “Theirs” meanwhile")).toBeVisible();
  const gone = dialog.getByText(/^The row is gone/);
  await expect(gone).toBeHidden();
  await server.sql(`DELETE FROM ${items.name} WHERE id = 2`);
  await expect(gone).toBeVisible();
  await expect(field("notes")).toHaveValue("Mine");
  await expect(dialog.getByRole("button", { name: "Save" })).toBeDisabled();
});

test("a block is pasted, a range emptied, and each is taken back as one", async ({ page, context, server, items }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, items.path);
  await focus(page, 1, "title");
  await page.evaluate(() => navigator.clipboard.writeText("A\tnote a\nB\tnote b\n"));
  await page.keyboard.press("Control+v");
  const titles = async () =>
    (await server.sql(`SELECT title, notes FROM ${items.name} WHERE id < 3 ORDER BY id`)).map((row) => [row.title, row.notes]);
  await expect.poll(titles).toEqual([["A", "note a"], ["B", "note b"]]);
  await expect(cell(page, 2, "notes")).toHaveText("note b");
  await page.keyboard.press("Control+z");
  await expect.poll(titles).toEqual([["Item 1", "note 1"], ["Item 2", "note 2"]]);
  await focus(page, 1, "notes");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Delete");
  await expect.poll(titles).toEqual([["Item 1", null], ["Item 2", null]]);
  await page.keyboard.press("Control+z");
  await expect.poll(titles).toEqual([["Item 1", "note 1"], ["Item 2", "note 2"]]);
});

test("a block with a value that does not fit changes nothing and says where", async ({ page, context, server, items }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, items.path);
  await focus(page, 1, "estimate");
  await page.evaluate(() => navigator.clipboard.writeText("5\nmany\n"));
  await page.keyboard.press("Control+v");
  await expect(cell(page, 2, "estimate").getByRole("alert")).toContainText("Nothing was changed");
  expect(await value(server, items.name, 1, "estimate")).toBe("1.25");
});

test("what came of a row that was saved leaves the row alone that is open by then", async ({ page, items }) => {
  const batch = /\/api\/batch\//;
  let hand = () => {};
  const handed = new Promise<void>((resolve) => (hand = resolve));
  await page.route(batch, async (route) => {
    const response = await route.fetch();
    await handed;
    await route.fulfill({ response });
  });
  await open(page, items.path);
  const dialog = page.getByRole("dialog");
  const field = (name: string) => dialog.getByRole("textbox", { name, exact: true });
  await page.getByRole("button", { name: "New row" }).click();
  await field("id").fill("0");
  await field("title").fill("Saved");
  await dialog.getByRole("button", { name: "Add row" }).click();
  await expect(cell(page, 0, "title")).toHaveText("Saved");
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await focus(page, 2, "title");
  await page.keyboard.press("Alt+Enter");
  await field("notes").fill("Mine");
  hand();
  await expect(page.getByText("The row is added.")).toBeVisible();
  await expect(field("notes")).toHaveValue("Mine");
});

test("a row's past is told, and a value restored from it", async ({ page, server, items }) => {
  await server.sql(`UPDATE ${items.name} SET title = 'Changed' WHERE id = 4`);
  await open(page, items.path);
  await focus(page, 4, "title");
  await page.keyboard.press("Alt+Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("History").click();
  await expect(dialog.getByRole("deletion")).toHaveText("Item 4");
  await expect(dialog.getByRole("insertion")).toHaveText("Changed");
  await dialog.getByRole("button", { name: "Restore title as it was before" }).click();
  await expect(dialog.getByLabel("title", { exact: true })).toHaveValue("Item 4");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect.poll(() => value(server, items.name, 4, "title")).toBe("Item 4");
});

for (const theme of ["light", "dark"] as const) {
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test("editing has no serious violation", async ({ page, items }) => {
      await open(page, items.path);
      await focus(page, 1, "notes");
      await page.keyboard.press("Enter");
      await expect(editor(page)).toBeFocused();
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await focus(page, 1, "done");
      await page.keyboard.press("Enter");
      await expect(page.getByRole("listbox").getByRole("option")).toHaveCount(2);
      await expectNoSeriousViolation(page);
      await page.keyboard.press("Escape");
      await page.keyboard.press("Alt+Enter");
      await expect(page.getByRole("dialog")).toBeVisible();
      await expectNoSeriousViolation(page);
    });
  });
}

test("what was written is saved also where the page is left before the answer", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id`);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const asked = page.waitForRequest(/\/api\/rows\//);
  await page.route(/\/api\/rows\//, async (route) => {
    await held;
    await route.continue();
  });
  await focus(page, 1, "title");
  // The second one waits for the first.
  for (const text of ["first", "second"]) {
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
  }
  await expect(cell(page, 2, "title")).toContainText("second");
  await asked;
  await page.getByRole("link", { name: "Tables", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Tables" })).toBeVisible();
  release();
  await expect.poll(() => value(server, items.name, 2, "title")).toBe("second");
  expect(await value(server, items.name, 1, "title")).toBe("first");
  await page.getByRole("link", { name: items.name }).click();
  await expect(cell(page, 2, "title")).toHaveText("second");
});

test("a table that is altered while its page is open is edited as it is then", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id`);
  const known = page.waitForResponse((response) => response.url().endsWith(`/api/tables/${items.name}`));
  await server.sql(`ALTER TABLE ${items.name} ADD owner text`);
  await known;
  await focus(page, 1, "owner");
  await page.keyboard.type("Ann");
  await page.keyboard.press("Enter");
  await expect.poll(() => value(server, items.name, 1, "owner")).toBe("Ann");
  await page.getByRole("button", { name: "New row" }).click();
  await expect(page.getByRole("dialog").getByRole("textbox", { name: "owner" })).toBeVisible();
});

test("a table that is gone is said to be, and leads to the others", async ({ page, server, items }) => {
  await open(page, items.path);
  await server.sql(`ALTER TABLE ${items.name} RENAME TO ${items.name}_kept; DROP TABLE ${items.name}_kept`);
  await expect(page.getByRole("alert")).toContainText("It may have been dropped or renamed.");
  // The fixture drops it at the end.
  await server.sql(`CREATE TABLE ${items.name} (id int)`);
  await page.getByRole("link", { name: "All tables", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Tables" })).toBeVisible();
});
