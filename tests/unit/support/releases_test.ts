import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startRelease } from "../../support/releases.ts";

/** A command that refuses `up` this often, and records its calls. */
async function withCommand(
  refusals: number,
  test: (command: string, calls: () => Promise<string[]>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const command = `${folder}/broker`;
  const record = `${folder}/calls`;
  const script = `#!/bin/sh
echo "$*" >>${record}
[ "$1" = up ] || exit 0
[ "$(grep -c '^up' ${record})" -gt ${refusals} ] || { echo "mirror is being updated" >&2; exit 100; }
echo AMQP_URL=amqp://127.0.0.1:1
echo MANAGEMENT_URL=http://127.0.0.1:2
`;
  try {
    await Deno.writeTextFile(command, script, { mode: 0o755 });
    const calls = async () => (await Deno.readTextFile(record)).trimEnd().split("\n");
    await test(command, calls);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("startRelease() starts a broker at the third attempt and logs why two failed", async () => {
  await withCommand(2, async (command, calls) => {
    const logged: string[] = [];
    const options = { pauseMs: 1, log: (line: string) => void logged.push(line) };
    const { environment } = await startRelease(command, "4.3", options);
    assertEquals(environment, {
      AMQP_URL: "amqp://127.0.0.1:1",
      MANAGEMENT_URL: "http://127.0.0.1:2",
    });
    const attempt = ["up 4.3 tests", "down 4.3 tests"];
    assertEquals(await calls(), [...attempt, ...attempt, "up 4.3 tests"]);
    assertEquals(logged.length, 2);
    for (const line of logged) assertStringIncludes(line, "mirror is being updated");
  });
});

Deno.test("startRelease() fails with the command's output after three attempts", async () => {
  await withCommand(3, async (command, calls) => {
    const start = () => startRelease(command, "4.3", { pauseMs: 1, log: () => {} });
    await assertRejects(start, Error, "mirror is being updated");
    assertEquals((await calls()).filter((call) => call.startsWith("up")).length, 3);
  });
});

Deno.test("startRelease() starts no further attempt after an abort", async () => {
  await withCommand(3, async (command, calls) => {
    const start = () => startRelease(command, "4.3", { signal: AbortSignal.abort() });
    await assertRejects(start, DOMException);
    assertEquals(await calls(), ["up 4.3 tests", "down 4.3 tests"]);
  });
});
