import type { Page } from "@playwright/test";
import { cell, expect, open, test } from "../fixtures";

/** Begins to edit a cell's value. */
async function edit(page: Page, key: number, column: string): Promise<void> {
  await cell(page, key, column).click();
  await page.keyboard.press("Enter");
  await expect(page.locator("#cell-input")).toBeFocused();
}

for (const keep of ["mine", "theirs"] as const) {
  test(`two people edit the same value: both are shown, and ${keep} is kept`, async ({
    page,
    context,
    server,
    items,
  }) => {
    const other = await context.newPage();
    await open(other, items.path);
    await open(page, items.path);
    await edit(page, 1, "title");
    await page.keyboard.type("Mine");
    await edit(other, 1, "title");
    await other.keyboard.type("Theirs");
    await other.keyboard.press("Enter");
    await expect(page.getByText("Changed by someone else meanwhile")).toBeVisible();
    await page.keyboard.press("Enter");
    const panel = page.getByRole("dialog");
    await expect(panel.getByLabel("Your value")).toHaveText("Mine");
    await expect(panel.getByLabel("Their value")).toHaveText("Theirs");
    await panel.getByRole("button", { name: keep === "mine" ? "Keep mine" : "Take theirs" }).press("Enter");
    await expect(panel).toHaveCount(0);
    const kept = keep === "mine" ? "Mine" : "Theirs";
    await expect(cell(page, 1, "title")).toHaveText(kept);
    await expect(cell(other, 1, "title")).toHaveText(kept);
    const [found] = await server.sql(`SELECT title FROM ${items.name} WHERE id = 1`);
    expect(found.title).toBe(kept);
  });
}

test("closing the panel loses nothing: what was written waits at its cell", async ({ page, server, items }) => {
  await open(page, items.path);
  await edit(page, 2, "title");
  await page.keyboard.type("Mine");
  await server.sql(`UPDATE ${items.name} SET title = 'Theirs' WHERE id = 2`);
  await expect(page.getByText("Changed by someone else meanwhile")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.getByRole("button", { name: "Edit again" }).click();
  await expect(page.locator("#cell-input")).toHaveValue("Mine");
});

test("different columns of one row are no conflict", async ({ page, server, items }) => {
  await open(page, items.path);
  await edit(page, 3, "title");
  await page.keyboard.type("Mine");
  await server.sql(`UPDATE ${items.name} SET notes = 'theirs' WHERE id = 3`);
  await expect(cell(page, 3, "notes")).toHaveText("theirs");
  await page.keyboard.press("Enter");
  const found = async () => (await server.sql(`SELECT title, notes FROM ${items.name} WHERE id = 3`))[0];
  await expect.poll(found).toEqual({ title: "Mine", notes: "theirs" });
  await expect(cell(page, 3, "title")).toHaveText("Mine");
});

test("what someone else has changed since is not taken back", async ({ page, server, items }) => {
  await open(page, items.path);
  await edit(page, 4, "title");
  await page.keyboard.type("Mine");
  await page.keyboard.press("Enter");
  await expect(cell(page, 4, "title")).toHaveText("Mine");
  // It is shown before it is written.
  const title = async () => (await server.sql(`SELECT title FROM ${items.name} WHERE id = 4`))[0].title;
  await expect.poll(title).toBe("Mine");
  await server.sql(`UPDATE ${items.name} SET title = 'Theirs' WHERE id = 4`);
  await expect(cell(page, 4, "title")).toHaveText("Theirs");
  await page.keyboard.press("Control+z");
  await expect(page.getByRole("status").filter({ hasText: "Someone else has changed it since" })).toBeVisible();
  await expect(cell(page, 4, "title")).toHaveText("Theirs");
});
