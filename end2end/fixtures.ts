import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Locator, type Page } from "@playwright/test";
import { Server } from "./server";

export { expect };

/** A live table of some todo items, made for one test. */
export interface Items {
  name: string;
  path: string;
}

interface Fixtures {
  items: Items;
  /** Fails the test at its end if a page has logged an error or thrown one. */
  quiet: void;
}

export const test = base.extend<Fixtures, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.dispose();
    },
    { scope: "worker", timeout: 90_000 },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  items: async ({ server, context }, use, info) => {
    const name = `items_${info.workerIndex}_${info.testId.replace(/\W/g, "_").slice(-12)}`;
    await server.sql(`
      DROP TABLE IF EXISTS ${name};
      CREATE TABLE ${name} (
        id int PRIMARY KEY,
        title text NOT NULL,
        notes text,
        done boolean NOT NULL DEFAULT false,
        estimate numeric(6, 2),
        created_at timestamptz NOT NULL DEFAULT '2026-03-01 12:00:00+00'
      );
      INSERT INTO ${name} (id, title, notes, done, estimate)
      SELECT n, 'Item ' || n, CASE WHEN n % 3 = 0 THEN NULL WHEN n % 5 = 0 THEN '' ELSE 'note ' || n END,
             n % 4 = 0, n * 1.25
      FROM generate_series(1, 120) AS n`);
    await server.sql("SELECT rowcast.watch($1::text::regclass)", [name]);
    await use({ name, path: `/tables/${name}` });
    // A page that is open yet would ask for a table that is gone.
    await Promise.all(context.pages().map((page) => page.close()));
    await server.sql(`DROP TABLE ${name}`);
  },
  quiet: [
    async ({ context }, use) => {
      const errors: string[] = [];
      context.on("weberror", (error) => errors.push(String(error.error())));
      context.on("console", (message) => {
        // The browser reports a page of status 400 or 404, which some tests ask for, as an error.
        const page = /\/tables\//.test(message.location().url) && /status of 40[04]/.test(message.text());
        // So it does with what is refused, which the page says itself.
        const refused = /\/api\//.test(message.location().url) && /status of 4(09|22)/.test(message.text());
        // What a form is refused for is said by the page that comes then.
        const form = /\/watches$/.test(message.location().url) && /status of 4(00|22)/.test(message.text());
        // The filter panel asks whether a condition can be read before it is applied.
        const asked = /\/api\/rows\//.test(message.location().url) && /status of 400/.test(message.text());
        // Where a reader is is said again: nobody minds when it can't be written, or when the table is gone.
        const said = /\/api\/presence\//.test(message.location().url) && /status of (404|503)|net::ERR_/.test(message.text());
        // Who is refused, or is not signed in any more, is told so by the page that comes then.
        const signIn = /\/(login|join|account|users|permissions|api\/)/.test(message.location().url) && /status of 40[013]/.test(message.text());
        if (message.type() === "error" && !signIn && !page && !refused && !form && !asked && !said) errors.push(`${message.text()} (${message.location().url})`);
      });
      await use();
      // What the browser itself says where a server is away is no error of the page's.
      const ours = errors.filter((text) => !/ERR_CONNECTION_(REFUSED|RESET)|ERR_INTERNET_DISCONNECTED|WebSocket connection to|TypeError: Failed to fetch/.test(text));
      expect(ours).toEqual([]);
    },
    { auto: true },
  ],
});

/** The rows that the page shows. */
export function rows(page: Page): Locator {
  return page.locator("tr[data-key]");
}

export function row(page: Page, key: number | string): Locator {
  return page.locator(`tr[data-key="${key}"]`);
}

export function cell(page: Page, key: number | string, column: string): Locator {
  return row(page, key).locator(`[data-column="${column}"]`);
}

/** The keys of the shown rows, in their order. */
export async function keys(page: Page): Promise<number[]> {
  return rows(page).evaluateAll((all) => all.map((row) => Number(row.getAttribute("data-key"))));
}

export async function expectKeys(page: Page, expected: number[]): Promise<void> {
  await expect.poll(() => keys(page)).toEqual(expected);
}

export async function expectTotal(page: Page, total: number): Promise<void> {
  await expect(page.getByTestId("total")).toHaveText(total.toLocaleString("en-US"));
}

export function connection(page: Page): Locator {
  return page.locator('[role="status"][data-state]');
}

/** Opens an address and waits until the page follows the table. */
export async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await expectLive(page);
}

export async function expectLive(page: Page): Promise<void> {
  await expect(connection(page)).toHaveAttribute("data-state", "live", { timeout: 20_000 });
}

/** Fails where axe finds what keeps people from using the page. */
export async function expectNoSeriousViolation(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations
    .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n  ")}`);
  expect(serious).toEqual([]);
}

/** Fails where something goes beyond the side of the page, or moves sideways but tables, the line of channels and `code`. */
export async function expectNoSideways(page: Page, code: Locator): Promise<void> {
  const beyond = await page.evaluate(() => {
    const all = [...document.querySelectorAll<HTMLElement>("html, body, main, main *, dialog, dialog *")];
    const shown = all.filter((element) => element.checkVisibility() && !element.closest("pre, .sr-only, .channels, .rows"));
    const pre = [...document.querySelectorAll<HTMLElement>("pre")].filter((element) => element.checkVisibility());
    const isWide = (element: HTMLElement) => {
      const scrolls = /auto|scroll/.test(getComputedStyle(element).overflowX) || element === document.documentElement;
      const out = [...element.getClientRects()].some(({ right }) => right > innerWidth + 0.5);
      return out || (scrolls && element.scrollWidth > element.clientWidth);
    };
    const out = (element: HTMLElement) => element.getBoundingClientRect().right > innerWidth + 0.5;
    const told = (element: HTMLElement) => element.outerHTML.slice(0, 100);
    return [...shown.filter(isWide), ...pre.filter(out)].map(told);
  });
  expect(beyond).toEqual([]);
  // Lines of code are read by moving them, alone.
  const moves = await code.evaluate((pre) => {
    pre.scrollLeft = 1e6;
    return pre.scrollLeft > 0 && pre.querySelector("code")!.getBoundingClientRect().height < 200;
  });
  expect(moves).toBe(true);
}

/** A body with code in it that is wider than any page: within a line, and lines of their own. */
export const longCode = `Long: \`${"x".repeat(300)}\`, \`${"a b ".repeat(80)}\`

\`\`\`
${"SELECT ".repeat(60)}
${"y".repeat(300)}
\`\`\``;
