import { cell, expect, keys, open, row, test } from "../fixtures";

test.use({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });

test("by touch a tap goes to a cell, a double tap edits it, a stroke scrolls", async ({ page, context, items }) => {
  await open(page, `${items.path}?order=id`);
  await cell(page, 3, "id").tap();
  await expect(cell(page, 3, "id")).toBeFocused();

  const box = await cell(page, 4, "title").boundingBox();
  if (!box) throw new Error("no cell");
  const [x, y] = [box.x + 30, box.y + box.height / 2];
  // Two taps are a double one only if little time lies between them.
  await page.touchscreen.tap(x, y);
  await page.touchscreen.tap(x, y);
  await expect(page.locator("#cell-input")).toBeFocused();
  // It is where the cell is.
  const input = await page.locator("#cell-input").boundingBox();
  expect(Math.abs((input?.y ?? 0) - box.y)).toBeLessThan(box.height);
  expect(Math.abs((input?.x ?? 0) - box.x)).toBeLessThan(box.height);
  await page.locator("#cell-input").fill("By hand");
  await page.keyboard.press("Enter");
  await expect(cell(page, 4, "title")).toHaveText("By hand");

  const scroller = page.locator("main.rows");
  const session = await context.newCDPSession(page);
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", y: number) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x: 200, y }] });
  await touch("touchStart", 700);
  for (let y = 680; y >= 260; y -= 20) await touch("touchMove", y);
  await touch("touchEnd", 260);
  await expect.poll(() => scroller.evaluate((element) => element.scrollTop)).toBeGreaterThan(300);
  // A stroke chooses nothing.
  await expect(page.locator("td.inside")).toHaveCount(0);
  expect((await keys(page)).length).toBeGreaterThan(20);
});

test("what is pressed by a finger is large enough for it", async ({ page, items }) => {
  await open(page, `${items.path}?order=id`);
  for (const name of ["Commands", "Appearance", "New row", "Hold"]) {
    const box = await page.getByRole("button", { name }).boundingBox();
    expect(box!.height, name).toBeGreaterThanOrEqual(32);
    expect(box!.width, name).toBeGreaterThanOrEqual(32);
  }
  expect((await row(page, 1).boundingBox())!.height).toBeGreaterThanOrEqual(32);
});
