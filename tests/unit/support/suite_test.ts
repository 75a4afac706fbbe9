import { assertEquals, assertRejects } from "@std/assert";
import { resolve } from "node:path";
import { failures, lineOf } from "../../support/report.ts";
import { failedChecks } from "../../browser/second_try.ts";
import { failedFaults } from "../../chaos/second_try.ts";
import { failSuite, runSuite, type Suite } from "../../support/suite.ts";

/** Runs files of these texts as one suite, in a folder of their own. */
async function outcomeOf(
  texts: Readonly<Record<string, string>>,
  signal = AbortSignal.timeout(60_000),
  { first = [], ...options }: Partial<Pick<Suite, "first" | "secondTry">> = {},
): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(texts)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const suite = {
      name: "sample",
      paths: [folder],
      flags: ["-A", "--no-check", "--quiet"],
      first: first.map((name) => resolve(folder, name)),
      ...options,
    };
    return lineOf(
      await runSuite(suite, {
        environment: {},
        flags: [],
        reports: `${folder}/report`,
        output: "never",
        signal,
      }),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const passing = `Deno.test("passes", () => {});`;

Deno.test("runSuite() counts passed, failed and skipped tests", async () => {
  const failing = `Deno.test("fails", () => { throw new Error("no"); });`;
  const skipped = `Deno.test({ name: "is skipped", ["ignore"]: true, fn() {} });`;
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

Deno.test("runSuite() counts every file of a crashed suite as failed", async () => {
  const deadly = `Deno.test("dies", () => Deno.kill(Deno.pid, "SIGKILL"));`;
  const suite = { "a_test.ts": passing, "b_test.ts": deadly };
  assertEquals(await outcomeOf(suite), "0 passed, 2 failed, 0 skipped");
});

Deno.test("runSuite() starts the longest files first, each once, and none outside of its paths", async () => {
  const log = await Deno.makeTempFile();
  const noting = (name: string) =>
    `Deno.test("${name}", () => Deno.writeTextFileSync("${log}", "${name}\\n", { append: true }));`;
  try {
    const texts = Object.fromEntries(
      ["a", "b", "c"].map((name) => [`${name}_test.ts`, noting(name)]),
    );
    const first = ["c_test.ts", "../elsewhere_test.ts"];
    const outcome = await outcomeOf(texts, AbortSignal.timeout(60_000), { first });
    assertEquals(outcome, "3 passed, 0 failed, 0 skipped");
    assertEquals((await Deno.readTextFile(log)).trim().split("\n"), ["c", "a", "b"]);
  } finally {
    await Deno.remove(log);
  }
});

Deno.test("runSuite() stops a suite when its signal aborts", async () => {
  const endless = `Deno.test("hangs", () => new Promise(() => setInterval(() => {}, 1000)));`;
  await assertRejects(
    () => outcomeOf({ "a_test.ts": endless }, AbortSignal.timeout(1_000)),
    DOMException,
  );
});

Deno.test("runSuite() recognizes files whose tests another module registers", async () => {
  const suite = {
    "shared.ts": `export const register = () => Deno.test("shared", () => {});`,
    "a_test.ts": `import { register } from "./shared.ts";\nregister();`,
    "b_test.ts": `Deno.test("fails", () => { throw new Error("no"); });`,
  };
  assertEquals(await outcomeOf(suite), "1 passed, 1 failed, 0 skipped");
});

Deno.test("runSuite() gives a failed test a second attempt", async () => {
  const marker = await Deno.makeTempFile();
  await Deno.remove(marker);
  const flaky = `Deno.test("fails once", () => {
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
        "registering.ts": `export function register() {\n${flaky}\n}`,
        "b_test.ts": `import { register } from "./registering.ts";\nregister();`,
      }),
      "2 passed, 0 failed, 0 skipped",
    );
  } finally {
    await Deno.remove(marker);
  }
});

Deno.test("runSuite() repeats only the failed steps of a matrix", async () => {
  const record = await Deno.makeTempFile();
  const matrix = `
    const chosen = (Deno.env.get("CELERIAC_CHAOS_FAULTS") ?? "one,two").split(",");
    const runs = () => Deno.readTextFileSync(${JSON.stringify(record)});
    for (const release of ["3.10", "4.3"]) {
      Deno.test("on " + release, async (t) => {
        for (const fault of chosen) {
          await t.step(fault, () => {
            Deno.writeTextFileSync(${
    JSON.stringify(record)
  }, release + fault + " ", { append: true });
            if (release + fault === "4.3two" && runs().split("4.3two").length === 2) throw new Error("no");
          });
        }
      });
    }`;
  try {
    const outcome = await outcomeOf({ "a_test.ts": matrix }, undefined, {
      secondTry: failedFaults,
    });
    assertEquals(outcome, "6 passed, 0 failed, 0 skipped");
    assertEquals(await Deno.readTextFile(record), "3.10one 3.10two 4.3one 4.3two 4.3two ");
  } finally {
    await Deno.remove(record);
  }
});

Deno.test("runSuite() repeats only the failed checks of a page, which a failure names", async () => {
  const record = await Deno.makeTempFile();
  const file = JSON.stringify(record);
  const secondTry = new URL("../../browser/second_try.ts", import.meta.url).href;
  const page = `
    import { CHECKS_VARIABLE, failureOf } from "${secondTry}";
    Deno.test("the page", () => {
      const checks = Deno.env.get(CHECKS_VARIABLE)?.split("\\n") ?? ["a", "b, c", "d > e"];
      const isFirst = Deno.readTextFileSync(${file}) === "";
      for (const check of checks) Deno.writeTextFileSync(${file}, check + ". ", { append: true });
      if (isFirst) throw new AggregateError([new Error("no")], failureOf(["b, c", "d > e"]));
    });`;
  try {
    const outcome = await outcomeOf({ "a_test.ts": page }, undefined, {
      secondTry: failedChecks,
    });
    assertEquals(outcome, "1 passed, 0 failed, 0 skipped");
    assertEquals(await Deno.readTextFile(record), "a. b, c. d > e. b, c. d > e. ");
  } finally {
    await Deno.remove(record);
  }
});

Deno.test("failSuite() replaces the reports of a suite by one failure with its reason", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/sample.xml`, "a report of an earlier run");
    const tally = await failSuite("sample", folder, new Error('no "broker":\n<404>'));
    assertEquals(lineOf(tally), "0 passed, 1 failed, 0 skipped");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["sample-died.xml"]);
    assertEquals(failures(await Deno.readTextFile(`${folder}/sample-died.xml`)), [
      { file: "sample", name: "sample did not run", message: 'no "broker":\n<404>' },
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
