import type { Page } from "@playwright/test";
import { cell, expect, expectNoSeriousViolation, open, test } from "../fixtures";

const colour = (page: Page, token: string) =>
  page.evaluate((name) => {
    const probe = document.createElement("i");
    document.body.append(probe);
    probe.style.color = `var(${name})`;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }, token);

/** How much two colours stand apart, as WCAG has it: from 1 to 21. */
function contrast(one: string, other: string): number {
  const light = (colour: string) => {
    const parts = colour.match(/[\d.]+/g)!.slice(0, 3).map((part) => Number(part) / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

for (const scheme of ["light", "dark"] as const) {
  for (const more of [false, true]) {
    test(`text can be read on every surface, ${scheme}${more ? " with high contrast" : ""}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme, contrast: more ? "more" : "no-preference" });
      await page.goto("/design");
      const texts = ["--text", "--text-2", "--text-3", "--accent", "--live", "--warn", "--danger"];
      const still = ["--bg", "--bg-raised", "--bg-bar", "--bg-hover", "--bg-press"];
      // What a row or a cell stands on for a while: chosen, warned of, changed, come.
      const passing = ["--accent-soft", "--warn-soft", "--flash", "--enter"];
      for (const surface of [...still, ...passing]) {
        const background = await colour(page, surface);
        for (const text of texts) {
          const apart = contrast(await colour(page, text), background);
          expect(apart, `${text} on ${surface}`).toBeGreaterThan(more ? 7 : 4.5);
        }
      }
      if (more) expect(contrast(await colour(page, "--line"), await colour(page, "--bg"))).toBeGreaterThan(3);
    });

    // The longest page: each of the two themes once, and each of the two contrasts.
    if (more !== (scheme === "dark")) continue;
    test(`the design system has no serious violation, ${scheme}${more ? " with high contrast" : ""}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme, contrast: more ? "more" : "no-preference" });
      await page.goto("/design");
      await expect(page.getByRole("heading", { name: "Design system" })).toBeVisible();
      await expectNoSeriousViolation(page);
    });
  }
}

test("the design system shows every value in its colour, and needs no wasm", async ({ page }) => {
  const loaded: string[] = [];
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
  await page.goto("/design");
  await expect(page.getByRole("row").filter({ hasText: "--accent-soft" })).toContainText("chosen rows");
  const swatches = page.locator("svg.swatch rect");
  expect(await swatches.count()).toBeGreaterThan(30);
  const unpainted = await swatches.evaluateAll((all) =>
    all.filter((rect) => /^(none|rgb\(0, 0, 0\))$/.test(getComputedStyle(rect).fill)).length,
  );
  expect(unpainted).toBe(0);
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(page.getByRole("group", { name: "A popover" })).toBeVisible();
  expect(loaded.filter((path) => path.endsWith(".wasm"))).toEqual([]);
});

test("theme and contrast are chosen by keyboard, kept, and the same in another tab", async ({ page, context, items }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, items.path);
  const other = await context.newPage();
  await other.goto("/design");
  await page.getByRole("button", { name: "Appearance" }).focus();
  await page.keyboard.press("Enter");
  const menu = page.getByRole("group", { name: "Appearance" });
  await expect(menu.getByRole("radio", { name: "As the system" }).first()).toBeChecked();
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(menu.getByRole("radio", { name: "Dark" })).toBeChecked();
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await expect(menu.getByRole("radio", { name: "High" })).toBeChecked();
  for (const of of [page, other]) {
    await expect(of.locator("html")).toHaveAttribute("data-theme", "dark");
    await expect(of.locator("html")).toHaveAttribute("data-contrast", "more");
  }
  expect(await colour(page, "--bg")).toBe("rgb(0, 0, 0)");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Appearance" })).toBeFocused();
  await page.reload();
  expect(await colour(page, "--bg")).toBe("rgb(0, 0, 0)");
  await page.getByRole("button", { name: "Appearance" }).click();
  await menu.getByRole("radio", { name: "As the system" }).first().check();
  await menu.getByRole("radio", { name: "As the system" }).last().check();
  expect(await colour(page, "--bg")).toBe("rgb(255, 255, 255)");
  await expect(other.locator("html")).not.toHaveAttribute("data-theme", /./);
});

// 1280 pixels at 400 %.
test("at 400 % everything is there, and only the rows scroll sideways", async ({ page, items }) => {
  await page.setViewportSize({ width: 320, height: 512 });
  for (const address of ["/", "/design", items.path]) {
    await page.goto(address);
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow, address).toBe(0);
  }
  await open(page, `${items.path}?order=id`);
  for (const name of ["Commands", "Appearance", "New row", "Hold"]) {
    const button = page.getByRole("button", { name });
    const box = await button.boundingBox();
    expect(box, name).not.toBeNull();
    expect(box!.x, name).toBeGreaterThanOrEqual(0);
    expect(box!.x + box!.width, name).toBeLessThanOrEqual(320);
  }
  // There is room for rows, and the cell in focus is in sight.
  await cell(page, 1, "id").click();
  await page.keyboard.press("End");
  const last = await cell(page, 1, "created_at").boundingBox();
  expect(last!.x + Math.min(last!.width, 100)).toBeLessThanOrEqual(320);
  await page.keyboard.press("Control+k");
  const box = await page.getByRole("dialog", { name: "Commands" }).boundingBox();
  expect(box!.x).toBeGreaterThanOrEqual(0);
  expect(box!.x + box!.width).toBeLessThanOrEqual(320);
});

test("with the system's own colours what is chosen and pressed can be told apart", async ({ page, items }) => {
  await page.emulateMedia({ forcedColors: "active" });
  await open(page, `${items.path}?order=id&limit=5`);
  const background = (locator: ReturnType<typeof cell>) =>
    locator.evaluate((element) => getComputedStyle(element).backgroundColor);
  await page.getByRole("checkbox", { name: "Choose row 2" }).check();
  expect(await background(cell(page, 2, "title"))).not.toBe(await background(cell(page, 3, "title")));
  const hold = page.getByRole("button", { name: "Hold" });
  const before = await background(hold);
  await hold.click();
  expect(await background(hold)).not.toBe(before);
});

test("where the focus is can be seen on everything that the keyboard reaches", async ({ page, items }) => {
  await open(page, `${items.path}?done=is.false&order=id`);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  const seen = new Set<string>();
  for (let press = 0; press < 40; press++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const style = getComputedStyle(element);
      const line = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      const { width, height } = element.getBoundingClientRect();
      return { name: element.outerHTML.slice(0, 120), line, there: width > 0 && height > 0 };
    });
    if (!at) break;
    expect(at.line, at.name).toBe(true);
    expect(at.there, at.name).toBe(true);
    if (seen.has(at.name)) break;
    seen.add(at.name);
  }
  expect(seen.size).toBeGreaterThan(6);
});
