import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { Process } from "../../support/process.ts";

const program = fileURLToPath(import.meta.resolve("../../support/report.ts"));

/** A suite of two tests, the second of which failed and then passed. */
const first =
  `<testsuites><testsuite name="./a_test.ts" tests="2" disabled="0" errors="0" failures="1">
  <testcase name="one" classname="./a_test.ts" time="1"/>
  <testcase name="two" classname="./a_test.ts" time="1"><failure message="no">no</failure></testcase>
</testsuite></testsuites>`;
const again =
  `<testsuites><testsuite name="./a_test.ts" tests="1" disabled="0" errors="0" failures="0">
  <testcase name="two" classname="./a_test.ts" time="1"/>
</testsuite></testsuites>`;

async function reported(...args: readonly string[]): Promise<{ code: number; lines: string[] }> {
  await using report = Process.start(Deno.execPath(), ["run", "-A", program, ...args]);
  const { code } = await report.exit();
  return { code, lines: report.stdout.trimEnd().split("\n") };
}

async function withReports(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/a.xml`, first);
    await Deno.writeTextFile(`${folder}/a.again.xml`, again);
    await Deno.writeTextFile(`${folder}/a.seconds`, "61\n");
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the report lists a suite over its budget without failing", async () => {
  await withReports(async (folder) => {
    const { code, lines } = await reported(folder, "--budget=a=60", "--budget=b=5");
    assertEquals([code, lines.at(-1)], [0, "2 passed, 0 failed, 0 skipped"]);
    assert(lines.includes("WARNING: SUITE a TOOK 61 s, ITS BUDGET IS 60 s"), lines.join("\n"));
    assert(!lines.some((line) => line.includes("SUITE b")), lines.join("\n"));
  });
});

Deno.test("the report fails a file that is flaky for the third time, and counts failed steps", async () => {
  await withReports(async (folder) => {
    const history = `--history=${folder}/cache/flaky.json`;
    const first = await reported(folder, history);
    assertEquals(first.code, 0);
    assertStringIncludes(
      first.lines.join("\n"),
      "in the last 1 of at most 10 runs:\n./a_test.ts: 1",
    );
    assertEquals((await reported(folder, history)).code, 0);
    const { code, lines } = await reported(folder, history, "audit");
    assertEquals([code, lines.at(-1)], [1, "2 passed, 2 failed, 0 skipped"]);
    assertStringIncludes(
      lines.join("\n"),
      "in the last 3 of at most 10 runs:\nFAILED: ./a_test.ts: 3",
    );
  });
});

Deno.test("the report ends with its last line if the history cannot be written", async () => {
  await withReports(async (folder) => {
    const { code, lines } = await reported(folder, `--history=${folder}/a.xml/flaky.json`);
    assertEquals([code, lines.at(-1)], [0, "2 passed, 0 failed, 0 skipped"]);
    assertStringIncludes(lines.join("\n"), "WARNING: Cannot keep the history");
  });
});

Deno.test("the report drops second attempts after ten runs", async () => {
  await withReports(async (folder) => {
    const history = `${folder}/flaky.json`;
    const steady = Array.from({ length: 9 }, () => []);
    await Deno.writeTextFile(
      history,
      JSON.stringify([["./a_test.ts"], ["./a_test.ts"], ...steady]),
    );
    const { code, lines } = await reported(folder, `--history=${history}`);
    assertEquals(code, 0);
    assertStringIncludes(
      lines.join("\n"),
      "in the last 10 of at most 10 runs:\n./a_test.ts: 1",
    );
    assertEquals(JSON.parse(await Deno.readTextFile(history)).length, 10);
  });
});
