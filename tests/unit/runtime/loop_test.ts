import { assertEquals } from "@std/assert";
import { Loop } from "../../../shared/runtime/loop.ts";

/** Rounds that can be waited for. */
function counted(rest: (round: number) => number) {
  const waiting: { round: number; resolve: () => void }[] = [];
  const state = { rounds: 0 };
  return {
    state,
    round(): Promise<number> {
      state.rounds++;
      for (const { round, resolve } of waiting) if (round <= state.rounds) resolve();
      return Promise.resolve(rest(state.rounds));
    },
    reached(round: number): Promise<void> {
      return new Promise((resolve) => {
        if (state.rounds >= round) resolve();
        else waiting.push({ round, resolve });
      });
    },
  };
}

Deno.test("Loop runs rounds, with a rest after each, until it is stopped", async () => {
  const count = counted(() => 1);
  await using loop = new Loop({ name: "test", round: count.round });
  await loop.start();
  await loop.start();
  await count.reached(5);
  await loop.stop();
  const { rounds } = count.state;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(count.state.rounds, rounds);
  await loop.stop();
});

Deno.test("wake() ends a rest, or skips the next one when a round is in hand", async () => {
  const count = counted((round) => {
    if (round === 1) loop.wake();
    return 60_000;
  });
  await using loop: Loop = new Loop({ name: "test", round: count.round });
  await loop.start();
  await count.reached(2);
  loop.wake();
  await count.reached(3);
});

Deno.test("Loop continues after a failed round", async () => {
  const count = counted((round) => {
    if (round === 1) throw new Error("boom");
    return 60_000;
  });
  await using loop = new Loop({ name: "test", round: count.round, recoveryMs: 1 });
  await loop.start();
  await count.reached(2);
});

Deno.test("stop() waits for the round in hand; start() begins anew", async () => {
  const gate = Promise.withResolvers<number>();
  let rounds = 0;
  await using loop = new Loop({
    name: "test",
    round: () => {
      rounds++;
      return gate.promise;
    },
  });
  await loop.stop();
  await loop.start();
  let stopped = false;
  const stopping = loop.stop().then(() => stopped = true);
  const starting = loop.start();
  await Promise.resolve();
  assertEquals(stopped, false);
  gate.resolve(60_000);
  await stopping;
  await starting;
  assertEquals(rounds, 2);
});
