import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import stringWidth from "string-width";
import { render } from "../../../../cli/top/render.ts";
import {
  type QueueDepth,
  type Snapshot,
  snapshotBody,
  UNREAD,
  type WorkerLoad,
} from "../../../../cli/top/snapshot.ts";

const now = new Date("2030-01-02T03:04:05Z");
const read = <Value>(value: Value) => ({ value, at: now, error: null });

const queue = (name: string, changes: Partial<QueueDepth> = {}): QueueDepth => ({
  name,
  ready: 0,
  consumers: 1,
  problem: null,
  ...changes,
});

const worker = (name: string, changes: Partial<WorkerLoad> = {}): WorkerLoad => ({
  name,
  uptime: 7300,
  concurrency: 8,
  received: 12_345,
  queues: ["celeriac.default"],
  running: [],
  ...changes,
});

const task = (id: string, started_at: string | null) => ({
  id,
  name: "add",
  queue: "q",
  started_at,
});

const SNAPSHOT: Snapshot = {
  url: "http://127.0.0.1:8000",
  queues: read([
    queue("celeriac.default", { ready: 1234, consumers: 2 }),
    queue("images", { ready: 5, consumers: 0 }),
    queue("gone", { ready: null, consumers: null, problem: "the broker has no such queue" }),
  ]),
  workers: read([
    worker("idle@host", { uptime: null, concurrency: null }),
    worker("web@host", {
      running: [task("two", "2030-01-02T03:04:04.500Z"), task("one", "2030-01-02T03:01:00Z")],
    }),
  ]),
  rates: read({
    total: { tasks: 100, failures: 2.5, retries: 1 },
    queues: new Map([["celeriac.default", { tasks: 100, failures: 2.5, retries: 1 }]]),
  }),
};

Deno.test("render() shows totals, queues by depth, and workers with their oldest tasks first", () => {
  assertEquals(
    render(SNAPSHOT, { now, keys: true }),
    [
      "celeriac top  http://127.0.0.1:8000  03:04:05 UTC  q: quit",
      "tasks/s 100.0   failures/s 2.5 (2.5 %)   ready 1,239   workers 2   running 2 of 8",
      "",
      "QUEUE             READY  CONSUMERS  TASKS/S  FAILURES/S  RETRIES/S",
      "celeriac.default  1,234          2    100.0         2.5        1.0",
      "images                5          0      0.0         0.0        0.0",
      "gone                  -          -      0.0         0.0        0.0  the broker has no such queue",
      "",
      "WORKER     RUNNING  RECEIVED  UPTIME  QUEUES",
      "web@host       2/8    12,345     2 h  celeriac.default",
      "  add  3 min  one",
      "  add  0.5 s  two",
      "idle@host      0/?    12,345       -  celeriac.default",
    ].map((line) => line.replace(/^(web@host|idle@host) +/, (name) => name)),
  );
});

Deno.test("render() fits every size of terminal, with any text", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const queues = fc.array(text.map((name) => queue(name)), { maxLength: 30 });
  const workers = fc.array(
    fc.tuple(text, fc.array(text, { maxLength: 5 })).map(([name, ids]) =>
      worker(name, { running: ids.map((id) => task(id, null)) })
    ),
    { maxLength: 30 },
  );
  const size = fc.record({ columns: fc.integer({ min: 1, max: 120 }), rows: fc.nat(60) });
  fc.assert(fc.property(queues, workers, size, (queues, workers, { columns, rows }) => {
    const snapshot = { ...SNAPSHOT, queues: read(queues), workers: read(workers) };
    const lines = render(snapshot, { now, columns, rows });
    assert(lines.length <= rows);
    for (const line of lines) {
      assert(stringWidth(line) <= columns, line);
      assertFalse(/\p{C}/u.test(line), line);
    }
  }));
});

Deno.test("render() counts the lines that do not fit, and gives free lines to the other part", () => {
  const queues = read(Array.from({ length: 30 }, (_, place) => queue(`q${place}`)));
  const workers = read(Array.from({ length: 30 }, (_, place) => worker(`w${place}`)));
  const both = render({ ...SNAPSHOT, queues, workers }, { now, rows: 24 });
  assertEquals(both.length, 24);
  assertEquals([both[12], both[23]], ["… 22 more queues", "… 22 more lines"]);
  const few = render({ ...SNAPSHOT, queues }, { now, rows: 24 });
  assert(few.some((line) => line.startsWith("idle@host")));
  assertEquals(few.filter((line) => /^q\d/.test(line)).length, 13);
});

Deno.test("render() shows why a part could not be read, with the age of its last value", () => {
  const error = new Error("403 the key lacks the scope 'workers:read'");
  const old = new Date(now.getTime() - 60_000);
  const snapshot = {
    ...SNAPSHOT,
    queues: { value: SNAPSHOT.queues.value, at: old, error: new Error("Cannot reach\nthe API") },
    workers: { ...UNREAD, error },
    rates: { ...UNREAD, error: new Error("503 no database") },
  };
  const text = render(snapshot, { now }).join("\n");
  assertStringIncludes(
    text,
    "Cannot reach\ufffdthe API (the values are 60 s old)\n503 no database\n",
  );
  assertStringIncludes(text, "celeriac.default  1,234");
  assertStringIncludes(text, "403 the key lacks the scope 'workers:read'");
  const same = render({ ...snapshot, rates: { ...UNREAD, error: snapshot.queues.error } }, { now });
  assertEquals(same.filter((line) => line.startsWith("Cannot reach")).length, 1);
  assertStringIncludes(text, "tasks/s -   failures/s -   ready 1,239   workers -   running - of -");
});

Deno.test("render() says that there are no queues and no workers", () => {
  const lines = render({ ...SNAPSHOT, queues: read([]), workers: read([]) }, { now });
  assert(lines.includes("no queues") && lines.includes("no worker replies"));
});

Deno.test("render() uses colors only if asked to", () => {
  assertFalse(render(SNAPSHOT, { now }).join("").includes("\x1b"));
  const lines = render(SNAPSHOT, { now, color: true });
  assertStringIncludes(lines[1]!, "\x1b[31mtasks/s"); // there are failures
  assertStringIncludes(lines[5]!, "\x1b[33mimages"); // messages without a consumer
});

Deno.test("snapshotBody() has a rate for each queue, and the errors", () => {
  const error = new Error("Cannot reach the API");
  const body = JSON.parse(
    JSON.stringify(snapshotBody({ ...SNAPSHOT, workers: { ...UNREAD, error } }, now)),
  );
  assertEquals(body.total, {
    tasks_per_second: 100,
    failures_per_second: 2.5,
    retries_per_second: 1,
  });
  assertEquals(body.queues[0].rate, body.total);
  assertEquals(body.queues[1].rate.tasks_per_second, 0);
  assertEquals([body.workers, body.errors], [null, [{ part: "workers", message: error.message }]]);
  const unread = JSON.parse(JSON.stringify(snapshotBody({ ...SNAPSHOT, rates: UNREAD }, now)));
  assertEquals([unread.total, unread.queues[0].rate], [null, null]);
});
