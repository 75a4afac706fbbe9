import { assertEquals, assertStringIncludes } from "@std/assert";
import { ALL_RIGHTS, Caller, ROOT } from "../../../../api/access/caller.ts";
import { explain, needsQueueFacts } from "../../../../api/explaining/explain.ts";
import type { TaskFacts } from "../../../../api/explaining/task_facts.ts";
import { wordingOf } from "../../../../api/explaining/wording.ts";
import { pendingRecord } from "../../../../api/reading/record.ts";
import type { SurveyedWorker } from "../../../../api/reading/worker_survey.ts";
import { explanationFor } from "../../../../api/routes/why.ts";
import type { TaskRecord } from "../../../../shared/results/result.ts";
import { createFixture } from "../fixture.ts";

const NOW = new Date("2026-01-01T00:00:00Z");

function later(seconds: number): Date {
  return new Date(NOW.getTime() + seconds * 1000);
}

function factsOf(record: Partial<TaskRecord>, more: Partial<TaskFacts> = {}): TaskFacts {
  return {
    now: NOW,
    isYoung: false,
    record: { ...pendingRecord("a", NOW), name: "add", queue: "celeriac.default", ...record },
    messages: [],
    pauses: [],
    letter: undefined,
    broker: { state: "connected" },
    maxAttempts: 3,
    unread: [],
    ...more,
  };
}

const MESSAGE = {
  retries: 0,
  dueAt: NOW,
  queue: "celeriac.default",
  offered: false,
  attempts: 0,
  lastError: null,
  holder: null,
  storedAt: later(-60),
  unknownSince: null,
};

const LETTER = {
  id: "l",
  taskId: "a",
  task: "add",
  retries: 0,
  queue: "celeriac.default",
  reason: "invalid-input",
  detail: "secret is not a number",
  worker: "w1",
  diedAt: NOW,
  collectedAt: NOW,
  size: 2,
};

const WORKER: SurveyedWorker = {
  name: "w1",
  pid: 1,
  uptimeSeconds: 1,
  concurrency: 2,
  prefetch: 4,
  received: 0,
  queues: ["celeriac.default"],
  registered: new Map([["add", null]]),
  active: [],
};

const codes = (facts: TaskFacts) => explain(facts).map(({ code }) => code);

Deno.test("explain() counts attempts of a task that waits for its next one", () => {
  const facts = factsOf({ state: "RETRY", retries: 1 }, {
    messages: [{ ...MESSAGE, retries: 1, dueAt: later(30) }],
  });
  const [reason] = explain(facts);
  assertStringIncludes(
    wordingOf(reason!).sentence,
    "Attempt 2 of 3 is due at 2026-01-01T00:00:30.000Z, in 30 s",
  );
});

Deno.test("explain() measures from the due time how long a message is late", () => {
  const evidence = (message: Partial<typeof MESSAGE>) =>
    explain(factsOf({}, { messages: [{ ...MESSAGE, ...message }] }))[0];
  assertEquals(evidence({ dueAt: later(-5) })?.evidence, {
    seconds: 5,
    broker: "connected",
    brokerReason: null,
    attempts: 0,
    lastError: null,
    nextTryAt: null,
  });
  // A relay that offers a message moves its due time ahead.
  assertEquals(evidence({ dueAt: later(20), offered: true })?.evidence, {
    seconds: 60,
    broker: "connected",
    brokerReason: null,
    attempts: 0,
    lastError: null,
    nextTryAt: later(20),
  });
});

Deno.test("explain() ignores a dead letter of an earlier message", () => {
  const old = { ...LETTER, collectedAt: later(-10) };
  const pending = { measure: { ready: 0, consumers: 0 } };
  assertEquals(codes(factsOf({}, { letter: old, ...pending })), ["no-consumer"]);
  assertEquals(codes(factsOf({}, { letter: LETTER, ...pending })), [
    "input-refused",
    "dead-lettered",
  ]);
  assertEquals(codes(factsOf({ retries: 1 }, { letter: LETTER, ...pending })), ["no-consumer"]);
  const redriven = { letter: LETTER, messages: [MESSAGE] };
  assertEquals(codes(factsOf({}, redriven)), ["in-outbox"]);
});

Deno.test("explain() names the pause of a parked message, also while its messages are released", () => {
  const pause = {
    scope: "task" as const,
    name: "add",
    reason: "maintenance",
    pausedAt: NOW,
    pausedBy: "root",
    resumedAt: null,
    rate: null,
    parked: 1,
    parkedBytes: 1,
  };
  const messages = [{ ...MESSAGE, dueAt: new Date("9999-01-01T00:00:00Z") }];
  assertEquals(codes(factsOf({}, { messages, pauses: [pause] })), ["paused"]);
  const resuming = { ...pause, resumedAt: NOW, rate: 2 };
  const [reason] = explain(factsOf({}, { messages, pauses: [resuming] }));
  assertStringIncludes(wordingOf(reason!).sentence, "is being resumed");
  // A message in the queue may start during the resume.
  const measure = { ready: 1, consumers: 1 };
  assertEquals(codes(factsOf({}, { measure, pauses: [resuming] })), ["behind-others"]);
  assertEquals(codes(factsOf({ state: "STARTED" }, { pauses: [pause] })), ["running"]);
});

Deno.test("explain() says whether the worker of a running task replied", () => {
  const replied = (workers?: SurveyedWorker[]) => {
    const record = { state: "STARTED" as const, worker: "w1", startedAt: NOW };
    const [reason] = explain(factsOf(record, workers && { workers }));
    return reason?.code === "running" ? reason.evidence.replied : reason?.code;
  };
  assertEquals([replied([WORKER]), replied([]), replied()], [true, false, null]);
});

Deno.test("explain() gives every reason that keeps a message in its queue", () => {
  const measure = { ready: 7, consumers: 1 };
  const active = ["b", "c"].map((id) => ({ id, name: "add", queue: null, startedAt: null }));
  const full = { ...WORKER, active };
  assertEquals(codes(factsOf({}, { measure, workers: [full], perSecond: 2 })), [
    "workers-full",
    "behind-others",
  ]);
  assertEquals(codes(factsOf({}, { measure, workers: [full, WORKER] })), ["behind-others"]);
  const other = { ...WORKER, registered: new Map() };
  assertEquals(codes(factsOf({}, { measure, workers: [other] })), [
    "task-unknown",
    "behind-others",
  ]);
});

Deno.test("explain() admits that facts are missing", () => {
  assertEquals(codes(factsOf({})), ["undetermined"]);
  assertEquals(codes(factsOf({}, { measure: { ready: 0, consumers: 1 } })), ["undetermined"]);
  assertEquals(codes({ ...factsOf({}), record: undefined, isYoung: true }), ["unknown-id"]);
});

Deno.test("needsQueueFacts() spares the broker what the database answers", () => {
  assertEquals(needsQueueFacts(factsOf({ state: "SUCCESS" })), false);
  assertEquals(needsQueueFacts(factsOf({}, { messages: [MESSAGE] })), false);
  assertEquals(needsQueueFacts(factsOf({})), true);
});

Deno.test("a caller without tasks:read-data reads no text of a dead letter", () => {
  const facts = factsOf({ state: "FAILURE" }, { letter: LETTER });
  const watcher = new Caller("key:a", "watcher", { ...ALL_RIGHTS, scopes: ["tasks:read"] });
  const words = (caller: Caller) =>
    JSON.stringify(explanationFor(caller, facts).reasons.map((one) => wordingOf(one)));
  assertStringIncludes(words(ROOT), "secret");
  assertEquals(words(watcher).includes("secret"), false);
});

Deno.test("a task that a caller cannot see is unknown", () => {
  const limited = new Caller("key:a", "limited", { ...ALL_RIGHTS, tasks: ["other.*"] });
  const { reasons, facts } = explanationFor(limited, factsOf({ state: "SUCCESS" }));
  assertEquals([reasons.map(({ code }) => code), facts], [["unknown-id"], undefined]);
});

Deno.test("GET /v1/tasks/{id}/why names the facts that it cannot read", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", name: "add", queue: "celeriac.default" });
  const response = await fixture.app.request("/v1/tasks/a/why");
  const { reasons, unread } = await response.json();
  assertEquals(reasons[0].code, "no-consumer");
  assertEquals(unread.map(({ fact }: { fact: string }) => fact).sort(), [
    "dead-letters",
    "outbox",
    "pauses",
  ]);
  const wrong = await fixture.app.request("/v1/tasks/a/why?wait=1");
  assertEquals((await wrong.json()).type, "/problems/invalid-input");
});
