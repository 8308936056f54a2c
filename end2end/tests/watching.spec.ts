import type { Page } from "@playwright/test";
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

/** What the form of a rule asks for now, and what stands there. */
const filled = (page: Page) =>
  page.locator("form.watch-form").evaluate((form) =>
    [...form.querySelectorAll<HTMLInputElement | HTMLSelectElement>("label :is(input, select)")]
      .filter((field) => field.checkVisibility())
      .map((field) => {
        const name = field.closest("label")?.querySelector(".field-name")?.textContent;
        const chosen = field instanceof HTMLSelectElement ? field.selectedOptions[0]?.textContent : field.value;
        return `${name}: ${chosen}`;
      }),
  );

/** The field that was refused has the focus, and says why; no other is wrong. */
async function expectWrong(page: Page, name: string, why: string) {
  const wrong = page.locator("[aria-invalid]");
  await expect(wrong).toHaveCount(1);
  await expect(wrong).toHaveAccessibleName(name);
  await expect(wrong).toHaveAccessibleDescription(new RegExp(why));
  await expect(wrong).toBeFocused();
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled });

    test("the form asks for what its kind needs, and keeps what was filled in where it is refused", async ({
      page,
      server,
      items,
    }) => {
      const ann = account(server, "administrator");
      await page.goto(`/watches?table=${items.name}&query=${encodeURIComponent("done=is.false&estimate=gt.10")}`);
      await signIn(page, ann);
      const field = (name: string) => page.getByRole("combobox", { name, exact: true }).or(page.getByRole("textbox", { name, exact: true }));
      const conditions = page.getByRole("list", { name: "Conditions" }).getByRole("listitem");
      await expect(conditions).toHaveCount(2);
      const shown = await conditions.allTextContents();

      await page.getByText("More", { exact: true }).click();
      const rest = [
        `Its name: ${items.name}`,
        "Told together: what comes within 5 minutes",
        "Ends: never",
        "Webhook, too: ",
        "For a role instead of yourself: ",
      ];
      expect(await filled(page)).toEqual(["Tell me when: a row enters", ...rest]);
      await field("Tell me when").selectOption("a row leaves");
      expect(await filled(page)).toEqual(["Tell me when: a row leaves", ...rest]);
      await field("Tell me when").selectOption("a value changes");
      expect(await filled(page)).toEqual([
        "Tell me when: a value changes",
        "The value that changes: – choose –",
        ...rest,
      ]);
      await field("Tell me when").selectOption("a total crosses a bound");
      expect(await filled(page)).toEqual([
        "Tell me when: a total crosses a bound",
        "The total of: the number of rows",
        "Goes: above",
        "The bound: ",
        ...rest,
      ]);

      await field("The total of").selectOption("estimate");
      await field("Goes").selectOption("below");
      await field("The bound").fill("not much");
      await field("Its name").fill("Little <left>");
      await field("Told together").selectOption("what comes within an hour");
      await field("Ends").selectOption("after a week");
      await field("Webhook, too").fill("https://hooks.example/a?b=c&d");
      await field("For a role instead of yourself").fill("member");
      const all = await filled(page);
      expect(all).toHaveLength(9);
      await page.getByRole("button", { name: "Watch", exact: true }).click();
      await expect(page.getByRole("alert")).toBeVisible();
      await expectWrong(page, "The bound", "no number");
      expect(await filled(page)).toEqual(all);
      await expect(conditions).toHaveText(shown);

      // Of each kind, one mistake after the other.
      await field("Tell me when").selectOption("a value changes");
      await page.getByRole("button", { name: "Watch", exact: true }).click();
      await expect(page.getByRole("alert")).toContainText("needs the column");
      await expectWrong(page, "The value that changes", "needs the column");
      expect(await filled(page)).toEqual([
        "Tell me when: a value changes",
        "The value that changes: – choose –",
        ...all.slice(4),
      ]);
      await field("The value that changes").selectOption("notes");
      await field("For a role instead of yourself").fill("no such role");
      await page.getByRole("button", { name: "Watch", exact: true }).click();
      await expect(page.getByRole("alert")).toBeVisible();
      await expectWrong(page, "For a role instead of yourself", "no such role");
      expect(await filled(page)).toEqual([
        "Tell me when: a value changes",
        "The value that changes: notes",
        ...all.slice(4, 8),
        "For a role instead of yourself: no such role",
      ]);
      // What was filled in of another kind is there when that is chosen again.
      await field("Tell me when").selectOption("a total crosses a bound");
      expect((await filled(page)).slice(0, 4)).toEqual(all.slice(0, 4));

      await field("The bound").fill("7");
      await field("Webhook, too").fill("");
      await field("For a role instead of yourself").fill("");
      await page.getByRole("button", { name: "Watch", exact: true }).click();
      await expect(page.getByRole("status")).toHaveText("You are told from now on.");
      await expect(page.getByRole("link", { name: "Little <left>" })).toBeVisible();
      await expect(conditions).toHaveText(shown);
      const [rule] = await server.sql(
        "SELECT w.* FROM rowcast.watch_rule w JOIN rowcast.account a ON a.id = w.account WHERE a.name = $1",
        [ann],
      );
      expect(rule).toMatchObject({ kind: "total", bound: "7", direction: "below", group_seconds: 3600 });
    });
  });
}
