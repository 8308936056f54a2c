import { defineConfig } from "@playwright/test";
import base from "./playwright.config";

// Takes the pictures of README and docs anew: `npx playwright test --config screenshots.config.ts`.
export default defineConfig(base, { testDir: "screenshots", fullyParallel: false, workers: 1 });
