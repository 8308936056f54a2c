// Drives a page in Chromium for the part `browser`: commands come as lines of JSON, and each is
// answered by one. Playwright is the one of end2end.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../end2end/package.json", import.meta.url));
const { chromium } = require("@playwright/test");

// The same places as end2end/playwright.config.ts; where none has one, Playwright's own.
function installed() {
  for (const name of [process.env.CHROMIUM, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]) {
    if (!name) continue;
    try {
      return execFileSync("sh", ["-c", 'command -v "$0"', name], { encoding: "utf8" }).trim();
    } catch {
      // Not here: the next.
    }
  }
  return undefined;
}

// In the page: when it has become live, how long frames take, how many cells have changed.
function observe() {
  const seen = { live: null, frames: [], cells: 0 };
  window.seen = seen;
  let last = performance.now();
  const frame = (now) => {
    seen.frames.push(now - last);
    last = now;
    if (seen.live === null && document.querySelector('[role="status"][data-state="live"]')) {
      seen.live = performance.now();
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  document.addEventListener("DOMContentLoaded", () => {
    const body = document.querySelector("tbody");
    if (!body) return;
    new MutationObserver((records) => {
      seen.cells += records.length;
    }).observe(body, { characterData: true, childList: true, subtree: true });
  });
}

const browser = await chromium.launch({
  executablePath: installed(),
  args: [
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ],
});
let page;

const commands = {
  // Opens an address with an empty cache; answers when the page follows its table.
  async open({ url }) {
    await page?.context().close();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    await page.addInitScript(observe);
    await page.goto(url);
    await page.waitForFunction(() => window.seen.live !== null, null, { timeout: 60_000 });
    return page.evaluate(() => {
      const [navigation] = performance.getEntriesByType("navigation");
      const resources = performance.getEntriesByType("resource");
      const wasm = resources.find((resource) => new URL(resource.name).pathname.endsWith(".wasm"));
      const [paint] = performance.getEntriesByName("first-contentful-paint");
      return {
        response_ms: navigation.responseEnd,
        paint_ms: paint?.startTime ?? null,
        wasm_ms: wasm?.responseEnd ?? null,
        live_ms: window.seen.live,
        bytes: [navigation, ...resources].reduce((sum, resource) => sum + resource.transferSize, 0),
      };
    });
  },
  // Begins to count anew.
  async begin() {
    await page.evaluate(() => {
      window.seen.frames = [];
      window.seen.cells = 0;
    });
    return {};
  },
  // Waits until a cell shows a text; answers what was counted since.
  async end({ key, column, text }) {
    const begun = performance.now();
    await page.waitForFunction(
      ([key, column, text]) =>
        document.querySelector(`tr[data-key="${key}"] [data-column="${column}"]`)?.textContent.trim() === text,
      [String(key), column, text],
      { timeout: 30_000 },
    );
    const lag_ms = performance.now() - begun;
    return page.evaluate((lag_ms) => {
      const { frames, cells } = window.seen;
      const sorted = frames.toSorted((a, b) => a - b);
      return {
        lag_ms,
        cells,
        frames: frames.length,
        median_frame_ms: sorted[Math.floor(sorted.length / 2)] ?? 0,
        worst_frame_ms: sorted.at(-1) ?? 0,
        frames_over_50_ms: frames.filter((frame) => frame > 50).length,
      };
    }, lag_ms);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = await commands[command](rest);
  } catch (error) {
    answer = { error: String(error).split("\n")[0] };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
