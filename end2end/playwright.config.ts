import { execFileSync } from "node:child_process";
import { defineConfig, devices } from "@playwright/test";

// The same places as scripts/setup.sh; where none has one, Playwright's own is used.
function chromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  for (const name of [process.env.CHROMIUM, ...names]) {
    if (!name) continue;
    try {
      return execFileSync("sh", ["-c", 'command -v "$0"', name], { encoding: "utf8" }).trim();
    } catch {
      // Not here: the next.
    }
  }
  return undefined;
}

const root = process.getuid?.() === 0;

export default defineConfig({
  testDir: "tests",
  fullyParallel: true,
  // Each worker has a server and a database of its own.
  workers: Number(process.env.WORKERS ?? 2),
  forbidOnly: !!process.env.CI,
  // A test that only passes the second time has failed.
  retries: 0,
  timeout: 45_000,
  expect: { timeout: 10_000 },
  reporter: [["list"], ["./summary.ts"]],
  use: {
    ...devices["Desktop Chrome"],
    viewport: { width: 1280, height: 800 },
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: chromium(),
      args: [
        "--disable-background-networking",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        ...(root ? ["--no-sandbox"] : []),
      ],
    },
  },
});
