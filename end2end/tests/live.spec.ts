import { cell, expect, expectKeys, expectTotal, open, row, test } from "../fixtures";

test("what is written shows in every page that it concerns", async ({ page, context, server, items }) => {
  const other = await context.newPage();
  await open(page, `${items.path}?order=id&limit=5`);
  await open(other, `${items.path}?done=is.true&order=estimate.desc&limit=3`);
  await expectKeys(page, [1, 2, 3, 4, 5]);
  await expectKeys(other, [120, 116, 112]);

  await test.step("a changed cell", async () => {
    await server.sql(`UPDATE ${items.name} SET title = 'Changed' WHERE id = 2`);
    await expect(cell(page, 2, "title")).toHaveText("Changed");
  });
  await test.step("a row that begins to match comes in", async () => {
    await server.sql(`UPDATE ${items.name} SET done = true, estimate = 999 WHERE id = 3`);
    await expectKeys(other, [3, 120, 116]);
    await expectTotal(other, 31);
    await expectKeys(page, [1, 2, 3, 4, 5]);
  });
  await test.step("a row moves", async () => {
    await server.sql(`UPDATE ${items.name} SET estimate = 147 WHERE id = 3`);
    await expectKeys(other, [120, 3, 116]);
  });
  await test.step("a row that no longer matches leaves", async () => {
    await server.sql(`UPDATE ${items.name} SET done = false WHERE id = 120`);
    await expectKeys(other, [3, 116, 112]);
    await expectTotal(other, 30);
  });
  await test.step("an insert shifts the rows below it", async () => {
    await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (0, 'First')`);
    await expectKeys(page, [0, 1, 2, 3, 4]);
    await expectTotal(page, 121);
  });
  await test.step("a delete fills the page up", async () => {
    await server.sql(`DELETE FROM ${items.name} WHERE id IN (1, 3)`);
    await expectKeys(page, [0, 2, 4, 5, 6]);
    await expectKeys(other, [116, 112, 108]);
    await expectTotal(page, 119);
    await expectTotal(other, 29);
  });
});

test("one transaction shows as a whole", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id&limit=4`);
  await page.evaluate(() => {
    const seen = new Set<string>();
    (window as any).seen = seen;
    const look = () => {
      seen.add([...document.querySelectorAll("tr[data-key]")].map((row) => row.getAttribute("data-key")).join());
      requestAnimationFrame(look);
    };
    look();
  });
  await server.sql(`BEGIN; DELETE FROM ${items.name} WHERE id = 1; DELETE FROM ${items.name} WHERE id = 2;
    INSERT INTO ${items.name} (id, title) VALUES (-1, 'a'), (-2, 'b'); COMMIT`);
  await expectKeys(page, [-2, -1, 3, 4]);
  const seen = await page.evaluate(() => [...(window as any).seen]);
  expect(seen).toEqual(["1,2,3,4", "-2,-1,3,4"]);
});

test("truncate empties the page, and the next row fills it", async ({ page, server, items }) => {
  await open(page, items.path);
  await server.sql(`TRUNCATE ${items.name}`);
  await expectTotal(page, 0);
  await expect(page.getByText("This table is empty")).toBeVisible();
  await server.sql(`INSERT INTO ${items.name} (id, title) VALUES (7, 'Back')`);
  await expectKeys(page, [7]);
});

test("only the cell that changed flashes, and other cells are not touched", async ({ page, server, items }) => {
  await open(page, `${items.path}?limit=5`);
  await page.evaluate(() => {
    const touched: string[] = [];
    (window as any).touched = touched;
    const observer = new MutationObserver((changes) => {
      for (const { target } of changes) {
        const element = target instanceof Element ? target : target.parentElement;
        touched.push(element?.closest("td")?.getAttribute("data-column") ?? "elsewhere");
      }
    });
    observer.observe(document.querySelector("tbody")!, {
      subtree: true, childList: true, characterData: true, attributes: true,
    });
  });
  await server.sql(`UPDATE ${items.name} SET title = 'Flash' WHERE id = 1`);
  await expect(cell(page, 1, "title")).toHaveText("Flash");
  await expect(cell(page, 1, "title").locator('[class*="flash"]')).toHaveCount(1);
  const touched: string[] = await page.evaluate(() => (window as any).touched);
  expect(new Set(touched)).toEqual(new Set(["title"]));
});

test("nothing is fetched again at hydration", async ({ page, items }) => {
  const fetched: string[] = [];
  page.on("request", (request) => {
    const path = new URL(request.url()).pathname;
    // The page also says who is there, which fetches nothing.
    const says = request.method() === "POST" && path.startsWith("/api/presence/");
    if (path.startsWith("/api/") && path !== "/api/ws" && !says) fetched.push(path);
  });
  await open(page, items.path);
  expect(fetched).toEqual([]);
  await expect(row(page, 1)).toBeVisible();
});

test("NULL, empty and odd values are told apart", async ({ page, server, items }) => {
  await server.sql(`UPDATE ${items.name} SET title = '<b>&amp; "quoted"</b>' WHERE id = 1`);
  await open(page, `${items.path}?limit=10`);
  await expect(cell(page, 1, "title")).toHaveText('<b>&amp; "quoted"</b>');
  await expect(cell(page, 3, "notes")).toHaveText("NULL");
  await expect(cell(page, 5, "notes")).not.toHaveText("NULL");
  await expect(cell(page, 4, "notes")).toHaveText("note 4");
  await expect(cell(page, 1, "estimate")).toHaveText("1.25");
});

test("figures below the rows follow what others write", async ({ page, server, items }) => {
  await open(page, `${items.path}?order=id&limit=3&aggregate=sum(estimate),max(id),count_by(done)`);
  const figure = (name: string) => page.locator(`tfoot [data-aggregate="${name}"]`);
  await expect(figure("sum(estimate)")).toHaveText("sum 9075.00");
  await expect(figure("max(id)")).toHaveText("max 120");
  await expect(figure("count_by(done)")).toHaveText("count_by false 90 · true 30");
  await server.sql(`UPDATE ${items.name} SET estimate = estimate + 0.25, done = true WHERE id = 77`);
  await expect(figure("sum(estimate)")).toHaveText("sum 9075.25");
  await expect(figure("count_by(done)")).toHaveText("count_by false 89 · true 31");
  await server.sql(`DELETE FROM ${items.name} WHERE id = 120`);
  await expect(figure("max(id)")).toHaveText("max 119");
});
