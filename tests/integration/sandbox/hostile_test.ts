/** Tasks that violate their sandbox: each is denied or ended and reported, without effect on others. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  PolicyViolation,
  TimeLimitExceeded,
  UncaughtError,
  type Violation,
} from "../../../shared/errors.ts";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import type { SandboxRunOptions } from "../../../workers/sandbox/child_attempt.ts";
import { ChildModules } from "../../../workers/sandbox/child_modules.ts";
import { Pools } from "../../../workers/sandbox/pools.ts";
import * as hostile from "../../app/hostile_contracts.ts";
import { eventually } from "../../support/eventually.ts";

const MODULES = {
  contracts: [],
  modules: new ChildModules(import.meta.resolve("../../app/hostile_handlers.ts")),
};

function pools(size = 1): Pools {
  return new Pools({ ...MODULES, size, warm: [hostile.innocent] });
}

/** The outcome. */
interface Trial {
  readonly result?: unknown;
  readonly error?: Error;
  readonly violations: Violation[];
}

async function attempt(fixture: Pools, contract: TaskContract, target = ""): Promise<Trial> {
  const violations: Violation[] = [];
  const options: SandboxRunOptions = { onViolation: (violation) => violations.push(violation) };
  const { name, timeLimit } = contract;
  const id = crypto.randomUUID();
  const task = { id, name, input: { target }, attempt: 1, deliveries: 1, timeLimit };
  try {
    return { result: JSON.parse(await fixture.run(contract, task, options)), violations };
  } catch (error) {
    return { error: error as Error, violations };
  }
}

function violated({ error, violations }: Trial) {
  if (error instanceof PolicyViolation) return { error, violations };
  throw new TypeError(`not a violation: ${error ?? "it succeeded"}`);
}

const DENIED: readonly [string, TaskContract, string, Violation][] = [
  ["a file of the system", hostile.readFile, "/etc/passwd", "read"],
  ["what the kernel tells of its parent", hostile.readFile, `/proc/${Deno.pid}/environ`, "read"],
  ["its own environment in /proc", hostile.readFile, "/proc/self/environ", "read"],
  ["the app's own source", hostile.readFile, import.meta.filename ?? "", "read"],
  ["writing a file", hostile.writeFile, "/tmp/celeriac-was-here", "write"],
  ["a secret of the worker", hostile.environment, "DATABASE_URL", "env"],
  ["its home", hostile.environment, "HOME", "env"],
  ["the broker", hostile.connect, "127.0.0.1:5672", "net"],
  ["the database", hostile.connect, "127.0.0.1:5432", "net"],
  ["another host", hostile.connect, "192.0.2.1:443", "net"],
  ["the cloud's metadata", hostile.fetchUrl, "http://169.254.169.254/latest/meta-data", "net"],
  ["a subprocess", hostile.subprocess, "/bin/true", "run"],
  ["killing its worker", hostile.signalParent, "", "run"],
  ["a native library", hostile.library, "libc.so.6", "ffi"],
  ["a remote module", hostile.importRemote, "https://example.org/evil.js", "import"],
  ["a package", hostile.importRemote, "npm:left-pad@1.0.0", "import"],
  ["a local module", hostile.importRemote, "file:///etc/passwd", "read"],
  ["the machine's name", hostile.machine, "", "sys"],
];

Deno.test("a task is denied what its contract does not declare", async (t) => {
  await using fixture = pools();
  await fixture.start();
  for (const [what, contract, target, violation] of DENIED) {
    await t.step(what, async () => {
      const { error, violations } = violated(await attempt(fixture, contract, target));
      assertEquals([error.violation, error.denied, violations], [violation, true, [violation]]);
      assertStringIncludes(error.message, `'${contract.name}'`);
    });
  }
});

Deno.test("a denial is reported even if the task catches it", async () => {
  await using fixture = pools();
  const { result, violations } = await attempt(fixture, hostile.swallowedRead, "/etc/passwd");
  assertEquals([result, violations], ["nothing to see", ["read"]]);
});

Deno.test("a task finds no persistent storage", async () => {
  await using fixture = pools();
  assertEquals((await attempt(fixture, hostile.store)).result, []);
});

const ENDED: readonly [string, TaskContract, Violation][] = [
  ["a heap bomb", hostile.heapBomb, "memory"],
  ["a bomb of buffers outside of the heap", hostile.bufferBomb, "memory"],
  ["threads that hoard", hostile.workers, "memory"],
  ["timers that start timers", hostile.timerBomb, "memory"],
  ["a loop that burns the processor", hostile.burn, "cpu"],
  ["output without end", hostile.endlessOutput, "output"],
  ["progress without end", hostile.endlessProgress, "output"],
  ["a result that is too large", hostile.bigResult, "output"],
  ["bytes of its own on the channel", hostile.writeChannel, "channel"],
];

Deno.test("a task that exceeds a limit is ended", async (t) => {
  await using fixture = pools();
  for (const [what, contract, violation] of ENDED) {
    await t.step(what, async () => {
      const { error, violations } = violated(await attempt(fixture, contract));
      assertEquals([error.violation, violations], [violation, [violation]]);
      const next = await attempt(fixture, hostile.innocent);
      assertEquals([next.error, next.violations], [undefined, []]);
    });
  }
});

Deno.test("a task that leaves an error uncaught fails, and not the next one", async () => {
  await using fixture = pools();
  for (const contract of [hostile.unhandled, hostile.uncaught]) {
    const { error, violations } = await attempt(fixture, contract);
    assertInstanceOf(error, UncaughtError);
    assertEquals(violations, []);
    const next = await attempt(fixture, hostile.innocent);
    assertEquals([next.error, next.violations], [undefined, []]);
  }
});

Deno.test("a task that waits forever ends at its hard limit", async () => {
  await using fixture = pools();
  const { error, violations } = await attempt(fixture, hostile.waitForEver);
  assertInstanceOf(error, TimeLimitExceeded);
  assertEquals(violations, ["time"]);
});

Deno.test("a task cannot change the environment of the next task in its child", async () => {
  await using fixture = pools();
  const { result, violations } = await attempt(fixture, hostile.pollute);
  assertEquals([result, violations], ["polluted", ["intrinsics"]]);
  const next = await attempt(fixture, hostile.innocent);
  assertEquals((next.result as { isAdmin: boolean }).isAdmin, false);

  const left = await attempt(fixture, hostile.leftTimers);
  assertEquals([left.result, left.violations], ["gone", ["timers"]]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(((await attempt(fixture, hostile.innocent)).result as { count: number }).count, 0);
});

Deno.test("a task cannot answer for another", async () => {
  await using fixture = pools();
  await attempt(fixture, hostile.forgeResult);
  for (let round = 0; round < 5; round++) {
    const { result } = await attempt(fixture, hostile.innocent);
    assert(result !== "forged");
  }
  const { result } = await attempt(fixture, hostile.innocent);
  assertEquals((result as { isAdmin: boolean }).isAdmin, false);
});

Deno.test("a task gets what its contract declares: a host, a variable, an empty folder", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("reached"),
  );
  Deno.env.set("CELERIAC_TEST_GRANTED", "a value");
  await using fixture = pools();
  const address = server.addr as Deno.NetAddr;
  const url = `http://127.0.0.1:${address.port}/`;
  for (let round = 0; round < 2; round++) {
    const { result, error } = await attempt(fixture, hostile.granted, url);
    assertEquals(error, undefined);
    const { before, note, folder, variable, answer } = result as Record<string, unknown>;
    assertEquals([before, note, variable, answer], [[], "mine", "a value", "reached"]);
    assertMatch(String(folder), /^\/tmp\/celeriac\/worker-[\da-f]{16}\/sandbox-/);
  }
  const { error } = await attempt(fixture, hostile.granted, "http://192.0.2.1/");
  assertEquals((error as PolicyViolation).violation, "net");
  const [child] = fixture.children().filter(({ pid }) => niceness(pid) === 5);
  const folder = Deno.readLinkSync(`/proc/${child!.pid}/cwd`);
  await fixture.stop();
  await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
});

Deno.test("a task that fills its folder is ended, and the next one finds an empty folder", async (t) => {
  await using fixture = pools();
  const cases = [
    ["12,000 levels", hostile.deepFolder, "more than 100 levels deep"],
    ["long paths", hostile.longPaths, "a path of more than 4 KiB"],
    [
      "many files",
      hostile.manyFiles,
      "more than 500 files: write fewer, or raise sandbox.folderFiles",
    ],
    ["a big file", hostile.bigFile, "more than 2 MiB: write less, or raise sandbox.folderMb"],
  ] as const;
  for (const [what, contract, limit] of cases) {
    await t.step(what, async () => {
      const { error, violations } = violated(await attempt(fixture, contract));
      assertEquals([error.violation, error.denied, violations], ["folder", false, ["folder"]]);
      assertStringIncludes(error.message, limit);
      assertEquals((await attempt(fixture, hostile.litter)).result, []);
    });
  }
  await t.step("small files are kept", async () => {
    assertEquals((await attempt(fixture, hostile.sparseFile)).result, "kept");
    assertEquals((await attempt(fixture, hostile.manyFilesAtOnce)).error, undefined);
    for (let round = 0; round < 3; round++) {
      assertEquals((await attempt(fixture, hostile.litter)).result, []);
    }
  });
});

Deno.test("a child inherits no descriptor and no environment of its worker", async () => {
  Deno.env.set("CELERIAC_TEST_SECRET", "s3cret");
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  await using fixture = pools();
  await fixture.start();
  const [child] = fixture.children();
  const environment = Deno.readTextFileSync(`/proc/${child!.pid}/environ`);
  assertEquals(environment.includes("s3cret"), false);
  const own = new Set(sockets(child!.pid));
  const inherited = sockets(Deno.pid);
  assert(inherited.length > 0);
  assertEquals(inherited.filter((link) => own.has(link)), []);
  listener.close();
});

Deno.test("a child is replaced after the contract's number of tasks", async () => {
  await using fixture = pools();
  const runs: { pid: number; count: number }[] = [];
  for (let round = 0; round < 3; round++) {
    runs.push((await attempt(fixture, hostile.fresh)).result as { pid: number; count: number });
  }
  assertEquals(new Set(runs.map(({ pid }) => pid)).size, 3);
  assertEquals(runs.map(({ count }) => count), [1, 1, 1]);
});

Deno.test("tasks with different permissions use different children", async () => {
  await using fixture = pools();
  const before = (await attempt(fixture, hostile.innocent)).result as { pid: number };
  await attempt(fixture, hostile.granted);
  const [first, ...others] = Array.from(fixture.children(), ({ pid }) => pid);
  assertEquals([first, others.length], [before.pid, 1]);
  await eventually("memory is measured", async () => await fixture.resident() > 0 || undefined);
});

/** The sockets that a process has open. */
function sockets(pid: number): string[] {
  return Array.from(Deno.readDirSync(`/proc/${pid}/fd`), ({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      return ""; // closed meanwhile
    }
  }).filter((link) => link.startsWith("socket:"));
}

function niceness(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
}
