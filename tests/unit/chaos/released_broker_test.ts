import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { releasedBroker, type ReleasedOptions } from "../../chaos/released_broker.ts";

/** Seconds for which the process of the fake broker outlives its kill. */
const LINGERS = 0.5;

/** A command that runs a process instead of a broker, and records its calls. The process ends later than its kill returns, as that of
 * a large broker on a loaded machine does. */
async function withCommand(
  test: (command: string, calls: () => Promise<string[]>, pid: () => number) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const command = `${folder}/broker`;
  const script = `#!/bin/sh
cd ${folder}
echo "$*" >>calls
case $1 in
  up)
    if ! { [ -s pid ] && kill -0 "$(cat pid)" 2>/dev/null; }; then
      rm -f pid
      setsid sh -c 'trap "sleep ${LINGERS}; exit" TERM; echo $$ >pid; while :; do sleep 0.05; done' >/dev/null 2>&1 &
      while [ ! -s pid ]; do sleep 0.02; done
    fi
    echo AMQP_URL=amqp://127.0.0.1:1
    echo MANAGEMENT_URL=http://127.0.0.1:2 ;;
  ctl) echo "\\"$(cat pid)\\"" ;;
  kill|down) kill "$(cat pid)" ;;
esac
`;
  try {
    await Deno.writeTextFile(command, script, { mode: 0o755 });
    const calls = async () => (await Deno.readTextFile(`${folder}/calls`)).trimEnd().split("\n");
    await test(command, calls, () => Number(Deno.readTextFileSync(`${folder}/pid`)));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** @param failures number of checks that fail */
function checks(failures: number): ReleasedOptions & { logged: string[] } {
  const logged: string[] = [];
  return {
    logged,
    log: (line) => void logged.push(line),
    check: () => failures-- > 0 ? Promise.reject(new Error("refused")) : Promise.resolve(),
  };
}

Deno.test("kill() of a released broker resolves when its process is gone, so that start() makes another", async () => {
  await withCommand(async (command, _, pid) => {
    await using broker = await releasedBroker(command, "4.3", checks(0));
    const first = pid();
    await broker.kill();
    await broker.start();
    assertNotEquals(pid(), first);
  });
});

Deno.test("start() of a released broker tries once more if it does not accept connections", async () => {
  await withCommand(async (command, calls) => {
    const options = checks(1);
    await using broker = await releasedBroker(command, "4.3", options);
    await broker.kill();
    await broker.start();
    const up = "up 4.3 fault-matrix";
    const kill = ["ctl 4.3 fault-matrix eval os:getpid().", "kill 4.3 fault-matrix"];
    assertEquals(await calls(), [up, ...kill, up, up]);
    assertStringIncludes(options.logged.join(), "attempt 1 of 2: Error: refused");
  });
});

Deno.test("start() of a released broker fails with the error of its second attempt", async () => {
  await withCommand(async (command) => {
    await using broker = await releasedBroker(command, "4.3", checks(2));
    await assertRejects(() => broker.start(), Error, "refused");
  });
});
