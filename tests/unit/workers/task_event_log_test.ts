import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { TaskEvent } from "../../../shared/telemetry/events.ts";
import { plainText, textLine } from "../../../shared/telemetry/log_format.ts";
import { logTaskEvents } from "../../../workers/task_event_log.ts";
import { taskLog } from "../../../workers/running/task_log.ts";

async function linesOf(write: () => void): Promise<string[]> {
  const lines: string[] = [];
  const sink = (record: LogRecord) => void lines.push(textLine(record));
  await configure({
    reset: true,
    sinks: { sink },
    loggers: [
      { category: ["logtape", "meta"], sinks: [] },
      { category: ["celeriac"], lowestLevel: "debug", sinks: ["sink"] },
    ],
  });
  try {
    write();
  } finally {
    await reset();
  }
  return lines.map((line) => line.slice("1970-01-01T00:00:00.000Z ".length));
}

function eventLines(...events: readonly TaskEvent[]): string[] {
  const lines: string[] = [];
  const listener = logTaskEvents({
    writes: () => true,
    write: (level, logger, message) => lines.push(plainText(0, level, logger, message)),
  });
  for (const event of events) listener(event);
  return lines.map((line) => line.slice("1970-01-01T00:00:00.000Z ".length));
}

const task = { id: "7", name: "add" } as const;

const received = {
  ...task,
  type: "task-received",
  queue: "q",
  args: null,
  kwargs: null,
  rootId: "7",
  parentId: null,
  retries: 0,
  eta: null,
  expires: null,
  redelivered: false,
} as const;

Deno.test("logTaskEvents() writes a line when a task is received and one when it ends", () => {
  const ended = { ...task, type: "task-succeeded", result: "5", runtime: 0.01234 } as const;
  assertEquals(eventLines(received, { ...task, type: "task-started" }, ended), [
    "info  worker: add[7] received\n",
    "info  worker: add[7] succeeded in 12 ms: 5\n",
  ]);
});

Deno.test("logTaskEvents() makes no line of a level that the log does not write", () => {
  const lines: string[] = [];
  const listener = logTaskEvents({
    writes: (level) => level === "error",
    write: (level, _logger, message) => lines.push(`${level} ${message}`),
  });
  // the result cannot be read: making its line would throw
  const unread = { ...task, type: "task-succeeded", result: null as never, runtime: 1 } as const;
  const failed = { type: "task-failed", exception: "E()", traceback: null, runtime: null } as const;
  for (const event of [received, unread, { ...task, ...failed }]) listener(event);
  assertEquals(lines, ["error add[7] failed: E()"]);
});

Deno.test("logTaskEvents() writes a failure with file and line, and its message once", () => {
  const traceback =
    "Error: boom\n    at pay (file:///shop/handlers.ts:7:9)\n    at run (file:///x.ts:1:2)";
  const [failed, retried] = eventLines(
    { ...task, type: "task-failed", exception: "Error('boom')", traceback, runtime: 1.5 },
    { ...task, type: "task-retried", exception: "Error('boom')", traceback, delay: 4.2 },
  );
  const frames = "\n    at pay (file:///shop/handlers.ts:7:9)\n    at run (file:///x.ts:1:2)\n";
  assertEquals(failed, `error worker: add[7] failed after 1.5 s: Error('boom')${frames}`);
  assertEquals(
    retried,
    `warn  worker: add[7] failed, next attempt in 4.2 s: Error('boom')${frames}`,
  );
});

Deno.test("logTaskEvents() writes a hard time limit in words", () => {
  const exception = "TimeLimitExceeded(2.5)";
  const [line] = eventLines({
    ...task,
    type: "task-failed",
    exception,
    traceback: null,
    runtime: 2.5,
  });
  assertEquals(
    line,
    "error worker: add[7] failed after 2.5 s: TimeLimitExceeded: it took more than 2.5 s\n",
  );
});

Deno.test("logTaskEvents() escapes ids and names", () => {
  const [line] = eventLines({ ...received, id: "a\nb\u001b[2J", name: "x\r" });
  assertEquals(line, "info  worker: x\\x0d[a\n    b\\x1b[2J] received\n");
});

Deno.test("taskLog() keeps braces, objects, errors and further arguments", async () => {
  const log = taskLog({ id: "7", task: "add" });
  const lines = await linesOf(() => {
    log.info("a {b} {{c}} {", { d: 1 });
    log.info("who: {who}", { who: "Ada {x}", more: [1] });
    log.info("rows", [1, 2], 3);
    log.warn("it failed", new TypeError("boom"));
    log.error("undefined is shown", undefined);
    (log.info as (...values: unknown[]) => void)({ just: "an object" });
    log.info("id stays", { id: "mine" });
  });
  const head = "task.add: [7] ";
  assertEquals(lines[0], `info  ${head}a {b} {{c}} { d=1\n`);
  assertEquals(lines[1], `info  ${head}who: Ada {x} more=[ 1 ]\n`);
  assertEquals(lines[2], `info  ${head}rows value=[ 1, 2 ] value2=3\n`);
  assertStringIncludes(
    lines[3] ?? "",
    `warn  ${head}it failed\n    error: TypeError: boom\n        at `,
  );
  assertEquals(lines[4], `error ${head}undefined is shown value=undefined\n`);
  assertStringIncludes(lines[5] ?? "", 'just: "an object"');
  assertStringIncludes(lines[6] ?? "", "mine");
});

Deno.test("taskLog() never throws", async () => {
  const log = taskLog({ id: "7", task: "add" });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const broken = {
    get x(): never {
      throw new Error("getter");
    },
  };
  const lines = await linesOf(() => {
    log.info("revoked", revoked.proxy);
    log.info("nested {x}", { x: [revoked.proxy], y: { z: revoked.proxy } });
    log.info("getter {x}", broken);
    log.info("symbol", Symbol("s"), 1n, new Map());
  });
  assertEquals(lines.length, 4);
  assert(lines.every((line) => line.includes("task.add: [7] ")));
});

Deno.test("logTaskEvents() says that a paused task is stored", () => {
  const event = { ...task, type: "task-deferred", until: null, why: "paused" } as const;
  assertEquals(eventLines(event), [
    "info  worker: add[7] is paused: stored until it is resumed\n",
  ]);
});
