import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Reason, reason } from "../../../../api/explaining/reason.ts";
import { REASON_CODES, wordingOf } from "../../../../api/explaining/wording.ts";
import { KOREAN_WORDS } from "../../../../api/page/why/korean_words.ts";
import { createFixture, type Fixture } from "../fixture.ts";

const AT = new Date("2026-01-02T03:04:05Z");

/** One of each code. */
const REASONS: readonly Reason[] = [
  reason("finished", { state: "FAILURE", finishedAt: AT, error: "Refusal" }),
  reason("expired", { expiredAt: AT }),
  reason("revoked", { revokedAt: AT, by: "terminated" }),
  reason("running", { worker: "w1", since: AT, attempt: 71, replied: false }),
  reason("unknown-id", { recent: true }),
  reason("no-consumer", { queue: "q1", ready: 72 }),
  reason("queue-missing", { queue: "q1" }),
  reason("not-due", { dueAt: AT, seconds: 73, attempt: 74, maxAttempts: 75 }),
  reason("in-outbox", {
    seconds: 76,
    broker: "connected",
    brokerReason: null,
    attempts: 77,
    lastError: "no queue",
    nextTryAt: AT,
  }),
  reason("in-outbox", {
    seconds: 76,
    broker: "connecting",
    brokerReason: "refused",
    attempts: 0,
    lastError: null,
    nextTryAt: null,
  }),
  reason("paused", {
    scope: "queue",
    name: "q1",
    why: "why",
    pausedAt: AT,
    resumedAt: null,
    rate: null,
  }),
  reason("paused", {
    scope: "task",
    name: "t1",
    why: "why",
    pausedAt: AT,
    resumedAt: AT,
    rate: 87,
  }),
  reason("behind-others", { queue: "q1", ready: 78, perSecond: 79, seconds: 80 }),
  reason("behind-others", { queue: "q1", ready: 78, perSecond: null, seconds: null }),
  reason("workers-full", {
    queue: "q1",
    workers: [{ worker: "w1", running: 81, concurrency: 82 }],
    heldBy: null,
  }),
  reason("workers-full", { queue: "q1", workers: [], heldBy: "w1" }),
  reason("rate-limited", { worker: "w1", limit: "83/m" }),
  reason("task-unknown", { task: "add", workers: ["w1"], since: AT, nextTryAt: AT }),
  reason("input-refused", { letter: "l1", detail: "x is missing", diedAt: AT }),
  reason("dead-lettered", { letter: "l1", reason: "poison", detail: "why", diedAt: AT }),
  reason("waiting-for-members", { workflow: "f1", count: 84, tasks: ["t1", "t2"] }),
  reason("message-not-found", { queue: "q1", consumers: 85, replies: 86 }),
  reason("undetermined", { queue: null }),
];

Deno.test("the reasons above contain every code", () => {
  assertEquals([...new Set(REASONS.map(({ code }) => code))].sort(), [...REASON_CODES].sort());
});

Deno.test("the Korean words contain the evidence of the English ones", () => {
  const evidenceIn = (text: string) =>
    [...new Set(text.match(/\d{2}|[wqflt]1|Refusal|poison|why|missing|redrive/g))].sort();
  for (const one of REASONS) {
    const [english, korean] = [wordingOf(one), wordingOf(one, { words: KOREAN_WORDS })];
    assertMatch(korean.sentence, /[가-힣]/);
    assertEquals(evidenceIn(korean.sentence), evidenceIn(english.sentence), one.code);
    assertEquals(korean.remedy === null, english.remedy === null);
  }
});

const get = async (fixture: Fixture, path: string, language = "en") => {
  const headers = { accept: "text/html", "accept-language": language };
  return await (await fixture.app.request(path, { headers })).text();
};

Deno.test("the page of a waiting task contains the way to the reason", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", name: "add", queue: "celeriac.default" });
  fixture.records.put({ id: "b", name: "add", queue: "celeriac.default", state: "SUCCESS" });
  const waiting = await get(fixture, "/tasks/a");
  assertStringIncludes(waiting, 'href="/tasks/a/why"');
  assertEquals((await get(fixture, "/tasks/b")).includes("/why"), false);
});

Deno.test("GET /tasks/{id}/why shows reasons in the reader's language, with times and commands", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", name: "add", queue: "celeriac.default" });
  const english = await get(fixture, "/tasks/a/why");
  assertStringIncludes(english, "No worker consumes queue &#39;celeriac.default&#39;");
  assertStringIncludes(english, "These facts could not be read:");
  assertStringIncludes(await get(fixture, "/tasks/a/why", "ko"), "소비하는 워커가 없습니다");
  const finishedAt = AT;
  fixture.records.put({ id: "b", name: "add", state: "SUCCESS", finishedAt });
  assertMatch(
    await get(fixture, "/tasks/b/why"),
    /SUCCESS at\s+<time datetime="2026-01-02T03:04:05.000Z">2026-01-02 12:04:05 GMT\+9<\/time>/,
  );
  assertStringIncludes(await get(fixture, "/tasks/<b>/why"), "No task with this id is known");
});
