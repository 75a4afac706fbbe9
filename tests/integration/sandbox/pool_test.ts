import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { z } from "../../../shared/mod.ts";
import {
  ConfigurationError,
  PolicyViolation,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLost,
} from "../../../shared/errors.ts";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import { ChildModules } from "../../../workers/sandbox/child_modules.ts";
import { ProcessPool, type ProcessPoolOptions } from "../../../workers/sandbox/pool.ts";
import type { SandboxLogLine } from "../../../workers/sandbox/messages.ts";
import type { SandboxTask } from "../../../workers/sandbox/child_attempt.ts";
import * as app from "../../app/contracts.ts";
import { eventually } from "../../support/eventually.ts";

const MODULES = modulesOf(import.meta.resolve("../../app/handlers.ts"));

function modulesOf(entry: string): Pick<ProcessPoolOptions, "modules"> {
  const modules = new ChildModules(entry);
  return { modules: () => modules.of([]) };
}

async function started(options: Partial<ProcessPoolOptions> = {}): Promise<ProcessPool> {
  const pool = new ProcessPool({ size: 1, ...MODULES, ...options });
  await pool.start();
  return pool;
}

function task(
  contract: TaskContract,
  input: Record<string, unknown> = {},
  rest: Partial<SandboxTask> = {},
): SandboxTask {
  const { name, timeLimit } = contract;
  return { id: crypto.randomUUID(), name, input, attempt: 1, deliveries: 1, timeLimit, ...rest };
}

function pids(pool: ProcessPool): number[] {
  return Array.from(pool.children, ({ pid }) => pid);
}

function lives(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Waits for a rejection; handles the promise immediately. */
function rejection<E extends Error = Error>(
  promise: Promise<unknown>,
  ErrorClass?: new (...args: never[]) => E,
): Promise<E> {
  return assertRejects(() => promise, ErrorClass ?? Error) as Promise<E>;
}

Deno.test("run() returns the result as JSON text", async () => {
  await using pool = await started();
  const value = { text: "ไทย 🎉\u0000", list: [1, 2.5, null, true], nested: { a: {} } };
  assertEquals(JSON.parse(await pool.run(task(app.echoProcess, { value }))), value);
});

Deno.test("run() keeps integers beyond 2^53 in both directions", async () => {
  await using pool = await started();
  const result = await pool.run(task(app.echoProcess, { value: [2n ** 63n - 1n] }));
  assertEquals(result, "[9223372036854775807]");
});

Deno.test("run() returns null when the handler returns nothing", async () => {
  await using pool = await started();
  assertEquals(await pool.run(task(app.block, { seconds: 0 })), "null");
});

Deno.test("run() passes 20 MiB in and out", async () => {
  await using pool = await started();
  const value = "x".repeat(20 * 1024 * 1024);
  assertEquals((await pool.run(task(app.echoProcess, { value }))).length, value.length + 2);
});

Deno.test("run() fails the task alone when its result is too large for a frame", async () => {
  await using pool = await started();
  const [pid] = pids(pool);
  const error = await rejection(pool.run(task(app.bigProcess, { bytes: 70_000_000 })));
  assertEquals(error.name, "RangeError");
  assertEquals(await pool.run(task(app.echoProcess, { value: 1 })), "1");
  assertEquals(pids(pool), [pid]);
});

Deno.test("run() parses the raw input with the contract's schema in the child", async () => {
  await using pool = await started();
  const input = { email: "a@example.org", since: "2026-01-02T03:04:05+02:00", from: 1, to: 2 };
  assertEquals(JSON.parse(await pool.run(task(app.typed, input))), {
    email: "a@example.org",
    since: "2026-01-02T01:04:05.000Z",
    copies: 1,
    tags: [],
  });
  const error = await rejection(pool.run(task(app.typed, { ...input, to: 0 })));
  assertEquals(error.name, "ZodError");
  assertEquals(
    (error as z.ZodError).issues,
    [{ path: ["to"], message: "must not be below 'from'" }] as unknown,
  );
});

Deno.test("run() keeps class, message, stack and cause of what the handler throws", async () => {
  await using pool = await started();
  const error = await rejection(pool.run(task(app.failProcess, { message: "no\nmore" })));
  assertEquals([error.name, error.constructor.name], ["Refusal", "Refusal"]);
  assertEquals(error.message, "no\nmore");
  assertStringIncludes(error.stack ?? "", "tests/app/handlers.ts");
  assertStringIncludes(String(error.cause), "TypeError: the cause");
});

Deno.test("run() preserves Retry and Reject", async () => {
  await using pool = await started();
  const retry = await rejection(pool.run(task(app.retryProcess, { countdown: 7 })), Retry);
  assertEquals(retry.countdown, 7);
  const again = await pool.run(task(app.retryProcess, {}, { attempt: 2 }));
  assertEquals(JSON.parse(again), { attempt: 2 });
  const reject = await rejection(pool.run(task(app.rejectProcess)), Reject);
  assertEquals(reject.message, "set aside");
});

Deno.test("run() forwards progress in order from a handler that never awaits", async () => {
  await using pool = await started();
  const heard: unknown[] = [];
  await pool.run(task(app.progressProcess, { steps: 500 }), {
    onProgress: (value) => heard.push(value),
  });
  assertEquals(heard, Array.from({ length: 500 }, (_, index) => ({ step: index + 1, steps: 500 })));
});

Deno.test("run() tolerates a handler that prints, and forwards its log", async () => {
  await using pool = await started();
  const lines: SandboxLogLine[] = [];
  const text = "\0\0\0\x05hello";
  await pool.run(task(app.print, { text }), { onLog: (line) => lines.push(line) });
  assertEquals(lines, [{ level: "warn", message: "printed {text}", properties: { text } }]);
  assertEquals(await pool.run(task(app.echoProcess, { value: "after" })), '"after"');
});

Deno.test("run() gives handlers no permission", async () => {
  await using pool = await started();
  const states = JSON.parse(await pool.run(task(app.permissions)));
  assertEquals(new Set(Object.values(states)), new Set(["prompt"])); // asked for, nobody answers
  assertEquals(Object.keys(states).length, 7);
});

Deno.test("run() ends an endless loop at the hard limit and replaces the child", async () => {
  await using pool = await started();
  const [pid] = pids(pool);
  const endless = task(app.block, {}, { timeLimit: { hard: 0.2 } });
  const error = await rejection(pool.run(endless), TimeLimitExceeded);
  assertEquals(error.seconds, 0.2);
  assertEquals(lives(pid!), false);
  assertEquals(await pool.run(task(app.echoProcess, { value: 1 })), "1");
  assert(pids(pool)[0] !== pid);
});

Deno.test("run() aborts the handler's signal at the soft limit", async () => {
  await using pool = await started();
  const [pid] = pids(pool);
  const long = task(app.sleepProcess, { seconds: 3600 }, { timeLimit: { soft: 0.1, hard: 60 } });
  const error = await rejection(pool.run(long), SoftTimeLimitExceeded);
  assertEquals(error.seconds, 0.1);
  assertEquals(pids(pool), [pid]);
});

Deno.test("run() names the soft limit when a library throws its own AbortError", async () => {
  await using pool = await started();
  const long = task(app.pauseProcess, { seconds: 3600 }, { timeLimit: { soft: 0.1, hard: 60 } });
  await rejection(pool.run(long), SoftTimeLimitExceeded);
});

Deno.test("run() aborts the handler's signal when the caller's aborts", async () => {
  await using pool = await started();
  const controller = new AbortController();
  const sleeping = task(app.sleepProcess, { seconds: 3600 });
  const running = rejection(
    pool.run(sleeping, {
      signal: controller.signal,
      onLog: () => controller.abort(new RangeError("enough")),
    }),
  );
  const error = await running;
  assertEquals([error.name, error.message], ["RangeError", "enough"]);
});

Deno.test("run() leaves the queue with the signal's reason when no child is free", async () => {
  await using pool = await started();
  const blocked = pool.run(task(app.block, { seconds: 0.3 }));
  const reason = new Error("left");
  const controller = new AbortController();
  const waiting = rejection(pool.run(task(app.hoard), { signal: controller.signal }));
  controller.abort(reason);
  assertEquals(await waiting, reason);
  await blocked;
  assertEquals(await pool.run(task(app.echoProcess, { value: 1 })), "1");
});

Deno.test("run() attributes a full heap to its task alone", async () => {
  await using pool = await started({ size: 2, heapMb: 64 });
  const [lost, slept] = await Promise.all([
    rejection(pool.run(task(app.hoard)), PolicyViolation),
    pool.run(task(app.sleepProcess, { seconds: 1 })),
  ]);
  assertStringIncludes(lost.message, "ran out of its 64 MiB of heap");
  assert(JSON.parse(slept).slept >= 1);
});

Deno.test("run() reports the exit code when a handler ends its process", async () => {
  await using pool = await started();
  const lost = await rejection(pool.run(task(app.exit, { code: 5 })), WorkerLost);
  assertStringIncludes(lost.message, "'test.exit'");
  assertStringIncludes(lost.message, "exit code 5");
  assertEquals(await pool.run(task(app.echoProcess, { value: 1 })), "1");
});

Deno.test("run() moves a task to another child when its child dies before the start", async () => {
  await using pool = await started();
  const [pid] = pids(pool);
  Deno.kill(pid!, "SIGKILL"); // the pool cannot know yet
  assertEquals(await pool.run(task(app.echoProcess, { value: 1 })), "1");
});

Deno.test("run() ignores the signals that a terminal sends to the whole group", async () => {
  await using pool = await started();
  const [pid = 0] = pids(pool);
  const slept = pool.run(task(app.sleepProcess, { seconds: 0.3 }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.kill(pid, signal);
  assertStringIncludes(await slept, "slept");
  assertEquals(pids(pool), [pid]);
});

Deno.test("run() loses only the child that writes to its channel", async () => {
  await using pool = await started();
  const lost = await rejection(pool.run(task(app.corrupt)), PolicyViolation);
  assertStringIncludes(lost.message, "file descriptor 1");
  assertEquals(await pool.run(task(app.echoProcess, { value: 1 })), "1");
});

Deno.test("run() does not blame a task for leftovers of the previous one", async () => {
  await using pool = await started();
  const before = pids(pool);
  for (let round = 0; round < 3; round++) {
    assertEquals(await pool.run(task(app.stray)), "null");
    assertEquals(
      await pool.run(task(app.sleepProcess, { seconds: 0.05 })).then(JSON.parse) !== 0,
      true,
    );
  }
  assertEquals(pids(pool), before); // the timer that would have failed the next task was ended
});

Deno.test("run() serves 50 tasks with 2 children, each with its own result", async () => {
  await using pool = await started({ size: 2 });
  const before = pids(pool);
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, value) => pool.run(task(app.echoProcess, { value }))),
  );
  assertEquals(results, Array.from({ length: 50 }, (_, value) => String(value)));
  assertEquals(pids(pool), before);
});

Deno.test("resize() starts more children, and ends surplus ones once they are idle", async () => {
  await using pool = await started({ size: 1 });
  const [first = 0] = pids(pool);
  pool.resize(3);
  await eventually("three children", () => pids(pool).length === 3);
  const busy = Array.from({ length: 3 }, () => pool.run(task(app.sleepProcess, { seconds: 1 })));
  pool.resize(1);
  assertEquals(pids(pool).length, 3);
  assertEquals((await Promise.allSettled(busy)).map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "fulfilled",
  ]);
  await eventually("one child is left", () => pids(pool).length === 1);
  assertStringIncludes(await pool.run(task(app.sleepProcess, { seconds: 0 })), "slept");
  pool.resize(2);
  pool.resize(1);
  pool.resize(2);
  await eventually("two children", () => pids(pool).length === 2);
  const both = Array.from({ length: 2 }, () => pool.run(task(app.sleepProcess, { seconds: 0 })));
  for (const slept of await Promise.all(both)) assertStringIncludes(slept, "slept");
  await pool.stop();
  await eventually("none is left behind", () => pids(pool).length === 0 && !lives(first));
});

Deno.test("start() reports why a module cannot be loaded", async () => {
  const source = `export const home = Deno.env.get("HOME");`;
  const pool = new ProcessPool({
    ...modulesOf(`data:text/javascript,${encodeURIComponent(source)}`),
    size: 2,
  });
  const error = await assertRejects(() => pool.start(), ConfigurationError);
  assertStringIncludes(error.message, `denied env access to HOME`);
  assertStringIncludes(error.message, `permissions: { env: ["HOME"] }`);
  assertEquals(pids(pool), []);
  await assertRejects(() => pool.run(task(app.echoProcess, { value: 1 })), WorkerLost);
});

Deno.test("start() names the missing flag when it may not run Deno", {
  permissions: { run: false, read: true, env: true },
}, async () => {
  const error = await assertRejects(() => started(), ConfigurationError);
  assertStringIncludes(error.message, `--allow-run=${Deno.execPath()}`);
});

Deno.test("stop() rejects running and pending tasks, and leaves no process behind", async () => {
  const pool = await started({ size: 2 });
  const before = pids(pool);
  assertEquals(before.map(lives), [true, true]);
  const running = [1, 2, 3].map(() => rejection(pool.run(task(app.block)), WorkerLost));
  await pool.stop();
  await Promise.all(running);
  assertEquals(before.map(lives), [false, false]);
  assertEquals(pids(pool), []);
  await assertRejects(() => pool.run(task(app.echoProcess, { value: 1 })), WorkerLost);
});

Deno.test("stop() may be called twice, before start() and during it", async () => {
  const early = new ProcessPool({ size: 1, ...MODULES });
  await early.stop();
  await early.start();
  assertEquals(pids(early), []);

  const pool = new ProcessPool({ size: 2, ...MODULES });
  const start = pool.start();
  await Promise.all([pool.stop(), pool.stop()]);
  await start.catch((error) => assert(error instanceof WorkerLost));
  assertEquals(pids(pool), []);
});
