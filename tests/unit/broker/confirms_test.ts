import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Answer, Confirms, type Pending } from "../../../shared/broker/amqp/confirms.ts";
import type { Limit } from "../../../shared/broker/amqp/usage.ts";
import { BrokerUnavailable, NotSent } from "../../../shared/errors.ts";
import { message, text } from "../../support/broker_helpers.ts";
import { eventually } from "../../support/eventually.ts";

interface Sent {
  readonly pending: Pending;
  readonly answer: Answer;
}

/** A `Confirms` and the messages that it sent. */
function ledger(
  options: {
    timeoutMs?: number;
    maxInFlight?: number;
    bytesInFlight?: number;
    waiting?: Limit;
    silenceMs?: number;
  } = {},
) {
  const sent: Sent[] = [];
  const counts = { stalled: 0 };
  const confirms = new Confirms({
    timeoutMs: options.timeoutMs ?? 10_000,
    inFlight: { messages: options.maxInFlight ?? 2, bytes: options.bytesInFlight ?? 1000 },
    waiting: options.waiting ?? { messages: 1000, bytes: 1000 },
    silenceMs: options.silenceMs,
    send: (pending, answer) => {
      if (text(pending.message) === "unfit") throw new TypeError("unfit");
      sent.push({ pending, answer });
    },
    stalled: () => {
      counts.stalled++;
      confirms.failInFlight(() => new BrokerUnavailable("stalled"));
    },
  });
  const add = (body: string, signal?: AbortSignal) =>
    confirms.add(message("", "q", body), { mandatory: true, signal });
  return {
    confirms,
    sent,
    add,
    counts,
    bodies: () => sent.map(({ pending }) => text(pending.message)),
  };
}

Deno.test("add() waits for a channel and sends in order", async () => {
  const { confirms, add, sent, bodies } = ledger();
  const both = Promise.all([add("1"), add("2")]);
  assertEquals(bodies(), []);
  confirms.resume();
  assertEquals(bodies(), ["1", "2"]);
  for (const { answer } of sent) answer(undefined);
  await both;
  assertEquals(confirms.size, 0);
});

Deno.test("add() limits the messages in flight for any order of answers", async () => {
  const { confirms, add, sent, bodies } = ledger({ maxInFlight: 2 });
  confirms.resume();
  const all = Promise.all(["1", "2", "3", "4"].map((body) => add(body)));
  assertEquals(bodies(), ["1", "2"]);
  sent[1]?.answer(undefined);
  assertEquals(bodies(), ["1", "2", "3"]);
  const late = add("5");
  sent[0]?.answer(undefined);
  sent[2]?.answer(undefined);
  assertEquals(bodies(), ["1", "2", "3", "4", "5"]);
  sent[3]?.answer(undefined);
  sent[4]?.answer(undefined);
  await Promise.all([all, late]);
});

Deno.test("add() rejects with the answer's error or the error of send()", async () => {
  const { confirms, add, sent } = ledger();
  confirms.resume();
  const refused = add("1");
  sent[0]?.answer(new BrokerUnavailable("full"));
  await assertRejects(() => refused, BrokerUnavailable, "full");
  await assertRejects(() => add("unfit"), TypeError, "unfit");
  assertEquals(confirms.size, 0);
});

Deno.test("add() fails after the timeout, sent or not", async () => {
  const { confirms, add } = ledger({ timeoutMs: 30, maxInFlight: 1 });
  confirms.resume();
  await assertRejects(() => add("1"), BrokerUnavailable, "did not confirm it within ");
  const closed = ledger({ timeoutMs: 30 });
  await assertRejects(() => closed.add("2"), NotSent, "could not be sent within ");
  assertEquals([confirms.isSuspect, closed.confirms.isSuspect], [true, false]);
});

Deno.test("a message that timed out occupies its slot until the answer", async () => {
  const { confirms, add, sent, bodies } = ledger({ timeoutMs: 100, maxInFlight: 2 });
  confirms.resume();
  const slow = add("slow");
  const quick = add("quick");
  sent[1]?.answer(undefined);
  await quick;
  await assertRejects(() => slow, BrokerUnavailable, "did not confirm it within ");
  assertEquals(confirms.isSuspect, false);
  const others = [add("3"), add("4")];
  assertEquals(bodies(), ["slow", "quick", "3"]);
  sent[0]?.answer(undefined);
  assertEquals(bodies(), ["slow", "quick", "3", "4"]);
  sent[2]?.answer(undefined);
  sent[3]?.answer(undefined);
  await Promise.all(others);
});

Deno.test("add() probes a suspect destination with one message at a time", async () => {
  const { confirms, add, sent, bodies } = ledger({ maxInFlight: 100, silenceMs: 50 });
  confirms.resume();
  await assertRejects(() => add("1"), BrokerUnavailable, "confirms no message");
  await assertRejects(() => add("too soon"), NotSent, "earlier messages to it are not confirmed");
  confirms.probeNow();
  assertEquals([confirms.isSuspect, confirms.silent], [true, false]);
  const probe = add("2");
  assertEquals(confirms.silent, true);
  await assertRejects(() => add("meanwhile"), NotSent);
  await assertRejects(() => probe, BrokerUnavailable, "confirms no message");
  confirms.probeNow();
  const last = add("3");
  // A lost channel is not a confirm.
  sent[2]?.answer(new BrokerUnavailable("lost"), false);
  await assertRejects(() => last, BrokerUnavailable, "lost");
  assertEquals(confirms.isSuspect, true);
  // The broker finally confirms the first message.
  sent[0]?.answer(undefined);
  assertEquals(confirms.isSuspect, false);
  const others = ["4", "5"].map((body) => add(body));
  assertEquals(bodies(), ["1", "2", "3", "4", "5"]);
  sent[3]?.answer(undefined);
  sent[4]?.answer(undefined);
  await Promise.all(others);
});

Deno.test("a channel without answers is reported, and its late answers are ignored", async () => {
  const { confirms, add, sent, counts, bodies } = ledger({ timeoutMs: 20, maxInFlight: 2 });
  confirms.resume();
  await Promise.allSettled([add("1"), add("2")]);
  await eventually("the report", () => counts.stalled === 1);
  confirms.resume();
  confirms.probeNow();
  const next = add("3");
  sent[0]?.answer(undefined);
  sent[1]?.answer(new Error("channel closed"));
  assertEquals([bodies(), confirms.isSuspect], [["1", "2", "3"], true]);
  sent[2]?.answer(undefined);
  await next;
});

Deno.test("failWaiting() fails waiting messages, failInFlight() sent ones", async () => {
  const { confirms, add, sent } = ledger({ maxInFlight: 1 });
  confirms.resume();
  const was = add("sent");
  const waits = add("waits");
  confirms.failWaiting(() => new BrokerUnavailable("refused"));
  await assertRejects(() => waits, BrokerUnavailable, "refused");
  confirms.failInFlight(() => new BrokerUnavailable("abandoned"));
  await assertRejects(() => was, BrokerUnavailable, "abandoned");
  assertEquals([confirms.size, sent.length], [0, 1]);
});

Deno.test("shortenTimeout() applies to sent messages only", async () => {
  const { confirms, add } = ledger({ maxInFlight: 1 });
  confirms.resume();
  const was = add("sent");
  const waits = add("waits");
  confirms.shortenTimeout(0);
  confirms.failInFlight(() => new BrokerUnavailable("over"));
  await assertRejects(() => was, BrokerUnavailable);
  assertEquals(confirms.size, 1);
  confirms.failWaiting(() => new BrokerUnavailable("over"));
  await assertRejects(() => waits, BrokerUnavailable);
});

Deno.test("add() rejects when its signal aborts, in every state", async () => {
  const { confirms, add, sent } = ledger({ maxInFlight: 1 });
  confirms.resume();
  const reason = new Error("enough");
  const stopping = new AbortController();
  const was = add("sent", stopping.signal);
  const waits = add("waits", stopping.signal);
  stopping.abort(reason);
  assertEquals(await was.catch((error) => error), reason);
  assertEquals(await waits.catch((error) => error), reason);
  await confirms.idle();
  const next = add("next");
  sent[0]?.answer(undefined);
  assertEquals(sent.length, 2);
  sent[1]?.answer(undefined);
  await next;
});

Deno.test("idle() waits until no message is pending", async () => {
  const { confirms, add, sent } = ledger();
  await confirms.idle();
  confirms.resume();
  const adding = add("1");
  let idle = false;
  const waiting = confirms.idle().then(() => idle = true);
  await Promise.resolve();
  assert(!idle);
  sent[0]?.answer(undefined);
  await Promise.all([waiting, adding]);
});

Deno.test("add() fails all messages after silenceMs, before their timeout", async () => {
  const { confirms, add, sent } = ledger({ maxInFlight: 100, silenceMs: 50 });
  confirms.resume();
  const all = [add("1"), add("2"), add("3")];
  for (const one of all) await assertRejects(() => one, BrokerUnavailable, "confirms no message");
  assertEquals([confirms.silent, confirms.size], [true, 0]);
  sent[0]?.answer(undefined);
  assertEquals(confirms.silent, false);
  const next = add("4");
  sent.at(-1)?.answer(undefined);
  await next;
});

Deno.test("add() waits for the timeout while other messages are confirmed", async () => {
  const { confirms, add, sent } = ledger({ timeoutMs: 1000, maxInFlight: 100, silenceMs: 100 });
  confirms.resume();
  const slow = add("slow");
  const neighbours: Promise<void>[] = [];
  const timer = setInterval(() => {
    neighbours.push(add("quick"));
    sent.at(-1)?.answer(undefined);
  }, 5);
  await assertRejects(() => slow, BrokerUnavailable, "did not confirm it within 1");
  clearInterval(timer);
  await Promise.all(neighbours);
});

Deno.test("add() limits the bytes in flight but allows one body of any size", async () => {
  const { confirms, add, sent, bodies } = ledger({ maxInFlight: 100, bytesInFlight: 4 });
  confirms.resume();
  const all = [add("123456789"), add("a"), add("bc"), add("def"), add("g")];
  assertEquals(bodies(), ["123456789"]);
  sent[0]?.answer(undefined);
  assertEquals(bodies(), ["123456789", "a", "bc", "def"]);
  sent[3]?.answer(undefined);
  assertEquals(bodies().at(-1), "g");
  for (const index of [1, 2, 4]) sent[index]?.answer(undefined);
  await Promise.all(all);
});

Deno.test("add() fails at once beyond the limits of waiting messages and bytes", async () => {
  for (const waiting of [{ messages: 2, bytes: 1000 }, { messages: 100, bytes: 4 }]) {
    const { confirms, add, sent } = ledger({ maxInFlight: 1, waiting });
    confirms.resume();
    const stopping = new AbortController();
    const held = [add("sent"), add("two")];
    const leaving = add("three", stopping.signal);
    await assertRejects(() => add("late"), BrokerUnavailable, "too many messages are waiting");
    stopping.abort(new Error("enough"));
    await assertRejects(() => leaving, Error, "enough");
    held.push(add("in its place"));
    await assertRejects(() => add("late"), BrokerUnavailable, "too many messages are waiting");
    for (const index of [0, 1, 2]) sent[index]?.answer(undefined);
    await Promise.all(held);
    assertEquals(confirms.size, 0);
  }
});

Deno.test("a channel is reported when timed-out messages reach the byte limit", async () => {
  const { confirms, add, counts, bodies } = ledger({
    timeoutMs: 20,
    maxInFlight: 100,
    bytesInFlight: 4,
  });
  confirms.resume();
  await Promise.allSettled([add("large"), add("waits")]);
  await eventually("the report", () => counts.stalled === 1);
  assertEquals(bodies(), ["large"]);
});
