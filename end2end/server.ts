import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "@playwright/test";
import pg from "pg";

const root = resolve(import.meta.dirname, "..");
const program = process.env.ROWCAST ?? join(root, "target/debug/rowcast");

/** A Rowcast server on an embedded database of its own, which it can lose and get back. */
export class Server {
  readonly url: string;
  /** The address by which the first administrator comes in, if one has to sign in. */
  link?: string;
  private readonly port: number;
  private readonly data: string;
  private process?: ChildProcess;
  private said = "";
  private clients: pg.Client[] = [];

  static async start(auth: "on" | "off" = "off"): Promise<Server> {
    const server = new Server(await freePort(), auth);
    await server.start();
    return server;
  }

  private constructor(port: number, private readonly auth: string) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.data = mkdtempSync(join(tmpdir(), "rowcast-e2e-"));
  }

  /** Starts it, on the same address and database as before. */
  async start(): Promise<void> {
    const environment = { ...process.env };
    delete environment.DATABASE_URL;
    const child = spawn(program, ["serve", "--data-dir", this.data], {
      cwd: root,
      env: { ...environment, ROWCAST_ADDR: `127.0.0.1:${this.port}`, ROWCAST_AUTH: this.auth },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout?.on("data", (text) => (this.said += text));
    child.stderr?.on("data", (text) => (this.said += text));
    this.process = child;
    // It prints its address, and who has to sign in, once it listens.
    const listening = once(child.stdout, "data").then(() => true);
    const ended = once(child, "exit").then(() => false);
    if (!(await Promise.race([listening, ended]))) {
      throw new Error(`${program} did not start:\n${this.said}`);
    }
    this.link = /http\S+\/join\S+/.exec(this.said)?.[0];
    await this.whenReady();
  }

  /** Runs a command of the program on its database. */
  rowcast(args: string[], input = ""): string {
    const environment = { ...process.env };
    delete environment.DATABASE_URL;
    const command = [...args, "--data-dir", this.data];
    return execFileSync(program, command, { cwd: root, env: environment, input, encoding: "utf8" });
  }

  /** Stops it as a terminal or a service manager would. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, "exit");
    }
  }

  /** Runs SQL as any other program would: one statement, or several as one transaction. */
  async sql(text: string, values?: unknown[]): Promise<any[]> {
    const client = await this.client();
    const result = await client.query(text, values);
    return result.rows;
  }

  /** Waits until the server reaches its database. */
  async whenReady(): Promise<void> {
    await expect.poll(() => this.ready(), { timeout: 60_000 }).toBe(true);
  }

  /** Kills the database under the server, which gets it back by itself. */
  killDatabase(): void {
    process.kill(Number(this.postmaster()[0]), "SIGKILL");
  }

  /** Removes everything. */
  async dispose(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.end().catch(() => {})));
    await this.stop();
    rmSync(this.data, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  private async ready(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  private async client(): Promise<pg.Client> {
    const open = this.clients.at(-1);
    if (open) return open;
    const lines = this.postmaster();
    const client = new pg.Client({
      host: lines[4].trim(),
      port: Number(lines[3]),
      user: "postgres",
      database: "rowcast",
    });
    // Its database goes away when the server does.
    const forget = () => (this.clients = this.clients.filter((other) => other !== client));
    client.on("error", forget);
    client.on("end", forget);
    await client.connect();
    this.clients.push(client);
    return client;
  }

  /** The lines: process, data directory, start, port, the socket's directory, … */
  private postmaster(): string[] {
    return readFileSync(join(this.data, "postgres/cluster/postmaster.pid"), "utf8").split("\n");
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
