import { cell, expect, expectKeys, expectTotal, open, test } from "../fixtures";

test("a page shows related rows as they are now", async ({ page, server, items }) => {
  const people = `${items.name}_people`;
  await server.sql(`
    CREATE TABLE ${people} (id int PRIMARY KEY, name text);
    INSERT INTO ${people} VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cleo');
    ALTER TABLE ${items.name} ADD assignee int REFERENCES ${people} ON DELETE SET NULL;
    UPDATE ${items.name} SET assignee = id WHERE id <= 3`);
  await server.sql("SELECT rowcast.watch($1::text::regclass)", [people]);

  await open(page, `${items.path}?select=title,who:${people}(name)&who.name=not.is.null&order=who(name)`);
  await expectKeys(page, [1, 2, 3]);
  await expect(cell(page, 1, "who.name")).toHaveText("Ann");
  const header = page.getByRole("columnheader", { name: "who.name" });
  await expect(header).toHaveAttribute("aria-sort", "ascending");
  await expect(page.getByRole("list", { name: "Filters" })).toContainText("who.name is not NULL");

  // What another page writes to the related table moves and changes rows here.
  await server.sql(`UPDATE ${people} SET name = 'Zoe' WHERE id = 1`);
  await expectKeys(page, [2, 3, 1]);
  await expect(cell(page, 1, "who.name")).toHaveText("Zoe");
  await server.sql(`DELETE FROM ${people} WHERE id = 2`);
  await expectKeys(page, [3, 1]);
  await expectTotal(page, 2);

  // Its header sorts, and the form filters by it.
  await header.getByRole("link").click();
  await expect(header).toHaveAttribute("aria-sort", "descending");
  await expectKeys(page, [1, 3]);
  await expect(page).toHaveURL(/order=who\(name\)\.desc/);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  const form = page.getByRole("form", { name: "Filter" });
  await form.getByRole("button", { name: "Add condition" }).click();
  const condition = form.getByRole("group", { name: "Condition", exact: true }).last();
  await condition.getByLabel("Column").selectOption("who.name");
  await condition.getByLabel("Operator").selectOption({ label: "is" });
  await condition.getByLabel("Value").fill("Cleo");
  await form.getByRole("button", { name: "Apply" }).click();
  await expectKeys(page, [3]);
  await expect(page).toHaveURL(/who\.name=eq\.Cleo/);

  await server.sql(`ALTER TABLE ${items.name} DROP assignee; DROP TABLE ${people}`);
  await expect(page.getByRole("alert")).toContainText("refers to nothing called");
});
