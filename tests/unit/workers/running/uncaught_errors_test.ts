import { assertEquals } from "@std/assert";
import type { TaskEvent } from "../../../../shared/telemetry/events.ts";
import type { Meta } from "../../../../shared/results/result.ts";
import { owned } from "../../../../workers/running/error_owner.ts";
import { UncaughtErrors } from "../../../../workers/running/uncaught_errors.ts";

const APP = "file:///srv/shop/";
const OURS = new URL("../../../../", import.meta.url).href;

function caught() {
  const events: TaskEvent[] = [];
  const notes: [id: string, meta: Meta][] = [];
  const errors = new UncaughtErrors({
    events: { emit: (event) => events.push(event) },
    store: {
      annotate: (id, meta) => Promise.resolve(void notes.push([id, structuredClone(meta)])),
    },
    modules: { contracts: `${APP}contracts.ts`, handlers: `${APP}handlers.ts` },
  });
  return { errors, events, notes };
}

/** Whether an uncaught error ends the process. */
function ends(error: unknown): boolean {
  return globalThis.dispatchEvent(new ErrorEvent("error", { error, cancelable: true }));
}

function from(...places: string[]): Error {
  const error = new Error("uncaught");
  error.stack = ["Error: uncaught", ...places.map((place) => `    at f (${place}:1:2)`)].join("\n");
  return error;
}

Deno.test("UncaughtErrors ends the process for errors of this package, not for errors of the app", async () => {
  const { errors } = caught();
  await using _errors = errors;
  await errors.start();
  const cases: [error: unknown, ends: boolean][] = [
    [from(`${OURS}shared/runtime/batch.ts`), true],
    [from("file:///cache/npm/registry/amqplib/0.10.4/lib/connection.js"), true],
    [from("ext:deno_node/net.ts"), true],
    [from(), true],
    [from(`${APP}handlers.ts`), false],
    [from(`${APP}lib/mail.ts`, `${OURS}workers/running/runner.ts`), false],
    [from("file:///cache/npm/registry/ioredis/5.0.0/built/Redis.js"), false],
    ["a text", false],
    [7, false],
  ];
  for (const [error, expected] of cases) assertEquals(ends(error), expected, String(error));
  await errors.stop();
  assertEquals(ends(from(`${APP}handlers.ts`)), true);
});

Deno.test("UncaughtErrors fails a running attempt, and updates its record afterwards", async () => {
  const { errors, events, notes } = caught();
  const failures: string[] = [];
  const meta: Meta = {};
  const owner = errors.of(
    { task: { id: "id", task: "pay" }, meta, ignoreResult: false },
    (error) => failures.push(error.message),
  );
  await errors.start();
  owned(owner, () => ends(new TypeError("early")));
  owner.over();
  for (let count = 0; count < 10; count++) owned(owner, () => ends(new RangeError("late")));
  await errors.stop();
  assertEquals(failures, [
    "Cannot continue task 'pay' because it left an error uncaught (TypeError: early): await every promise, or catch its rejection",
  ]);
  const kept = meta.uncaught!.map(({ error, late }) => [error, late]);
  assertEquals(kept, [
    ["TypeError: early", false],
    ...Array.from({ length: 4 }, () => ["RangeError: late", true]),
  ]);
  assertEquals(events.length, 5);
  assertEquals(notes.at(-1), ["id", meta]);
});

Deno.test("UncaughtErrors stores nothing for a task without a record", async () => {
  const { errors, events, notes } = caught();
  const task = { id: "id", task: "pay" };
  const owner = errors.of({ task, meta: {}, ignoreResult: true }, () => {});
  owner.over();
  owner.uncaught(new Error("late"));
  await errors.stop();
  assertEquals([events.length, notes.length], [1, 0]);
});
