import type { FullResult, Reporter, Suite, TestCase } from "@playwright/test/reporter";

/** Says last of all, in a few lines, which tests have failed and why: an output is often cut. */
export default class Summary implements Reporter {
  private suite?: Suite;

  onBegin(_: unknown, suite: Suite): void {
    this.suite = suite;
  }

  onEnd(_: FullResult): void {
    const failed = this.suite?.allTests().filter((test) => test.outcome() === "unexpected") ?? [];
    for (const test of failed) console.log(`FAILED ${name(test)}\n${reasons(test)}`);
  }

  printsToStdio(): boolean {
    return false;
  }
}

function name({ location, title }: TestCase): string {
  return `${location.file.split("/").pop()}:${location.line} ${title}`;
}

function reasons(test: TestCase): string {
  const errors = test.results.flatMap((result) => result.errors);
  // Without the colours, and no longer than is read.
  const text = (message?: string) => (message ?? "").replace(/\u001b\[[\d;]*m/g, "").replace(/\n\s*/g, " ").slice(0, 600);
  return errors.map((error) => `  ${text(error.message ?? error.value)}`).join("\n");
}
