import type { Browser, Page } from "@playwright/test";
import { test as base } from "./fixtures";
import { Server } from "./server";

export const password = "correct horse battery";

/** On these servers one has to sign in. */
export const test = base.extend<object, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await Server.start("on");
      await use(server);
      await server.dispose();
    },
    { scope: "worker", timeout: 90_000 },
  ],
});

/** Makes an account that this test alone uses. */
export function account(server: Server, role?: string): string {
  const name = `user ${crypto.randomUUID().slice(0, 8)}`;
  server.rowcast(["user", "add", name, ...(role ? ["--role", role] : [])], `${password}\n`);
  return name;
}

export async function signIn(page: Page, name: string, word = password): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(word);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** A page of another browser. */
export async function another(browser: Browser, server: Server): Promise<Page> {
  return (await browser.newContext({ baseURL: server.url })).newPage();
}
