import { assertEquals, assertRejects } from "@std/assert";
import { lineOf } from "../../support/report.ts";
import { runSuite } from "../../support/suite.ts";

/** Runs files of these texts as one suite, in a folder of their own. */
async function outcomeOf(
  texts: Readonly<Record<string, string>>,
  signal = AbortSignal.timeout(60_000),
): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(texts)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const suite = { name: "sample", paths: [folder], flags: ["-A", "--no-check", "--quiet"] };
    return lineOf(
      await runSuite(suite, {
        environment: {},
        flags: [],
        reports: `${folder}/report`,
        quiet: true,
        signal,
      }),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const passing = `Deno.test("passes", () => {});`;

Deno.test("runSuite() counts what passed, failed and was skipped", async () => {
  const failing = `Deno.test("fails", () => { throw new Error("no"); });`;
  const skipped = `Deno.test({ name: "waits", ignore: !false, fn() {} });`;
  const text = [passing, failing, skipped].join("\n");
  assertEquals(await outcomeOf({ "a_test.ts": text }), "1 passed, 1 failed, 1 skipped");
});

Deno.test("runSuite() counts a file that cannot be loaded as failed", async () => {
  const broken = `throw new Error("at load");`;
  assertEquals(
    await outcomeOf({ "a_test.ts": passing, "b_test.ts": broken }),
    "1 passed, 1 failed, 0 skipped",
  );
});

Deno.test("runSuite() counts every file of a suite that died as failed", async () => {
  const deadly = `Deno.test("dies", () => Deno.kill(Deno.pid, "SIGKILL"));`;
  const suite = { "a_test.ts": passing, "b_test.ts": deadly };
  assertEquals(await outcomeOf(suite), "0 passed, 2 failed, 0 skipped");
});

Deno.test("runSuite() ends a suite when told to", async () => {
  const endless = `Deno.test("hangs", () => new Promise(() => setInterval(() => {}, 1000)));`;
  await assertRejects(
    () => outcomeOf({ "a_test.ts": endless }, AbortSignal.timeout(1_000)),
    DOMException,
  );
});

Deno.test("runSuite() knows files whose tests another module registers", async () => {
  const suite = {
    "shared.ts": `export const register = () => Deno.test("shared", () => {});`,
    "a_test.ts": `import { register } from "./shared.ts";\nregister();`,
    "b_test.ts": `Deno.test("fails", () => { throw new Error("no"); });`,
  };
  assertEquals(await outcomeOf(suite), "1 passed, 1 failed, 0 skipped");
});

Deno.test("runSuite() gives a test that failed a second try", async () => {
  const marker = await Deno.makeTempFile();
  await Deno.remove(marker);
  const unsteady = `Deno.test("fails once", () => {
    const marker = ${JSON.stringify(marker)};
    try {
      Deno.writeTextFileSync(marker, "tried", { createNew: true });
    } catch {
      return;
    }
    throw new Error("no");
  });`;
  try {
    assertEquals(
      await outcomeOf({
        "a_test.ts": passing,
        "registering.ts": `export function register() {\n${unsteady}\n}`,
        "b_test.ts": `import { register } from "./registering.ts";\nregister();`,
      }),
      "2 passed, 0 failed, 0 skipped",
    );
  } finally {
    await Deno.remove(marker);
  }
});
