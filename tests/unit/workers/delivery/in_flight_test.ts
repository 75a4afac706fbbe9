import { assertEquals } from "@std/assert";
import { decodeTask } from "../../../../shared/celery/decode.ts";
import { encodeTask } from "../../../../shared/celery/message.ts";
import type { SignatureOptions } from "../../../../shared/celery/signature.ts";
import { HeldDelivery } from "../../../../workers/delivery/held_delivery.ts";
import { InFlight } from "../../../../workers/delivery/in_flight.ts";

/** Adds a delivery of task `id`; returns the acks that it got, and whether it joined another. */
function take(inFlight: InFlight, options: SignatureOptions = {}, task = "add") {
  const message = encodeTask(
    { task, args: [], kwargs: {}, options: { ...options, taskId: "id" } },
    {
      origin: "gen1@host",
      destination: { exchange: "", routingKey: "q" },
      now: new Date(),
    },
  );
  const acks: string[] = [];
  const held = new HeldDelivery({
    message,
    redelivered: false,
    open: true,
    gone: new AbortController().signal,
    ack: () => void acks.push("ack"),
    nack: () => {},
  });
  return { held, acks, joined: !inFlight.take(held, "q", decodeTask(message)) };
}

Deno.test("InFlight.take() joins a redelivery of the same attempt: one ack answers both", () => {
  for (const options of [{}, { retries: 2 }, { retries: 1, replacedTaskNesting: 1 }]) {
    const inFlight = new InFlight();
    const first = take(inFlight, options);
    const again = take(inFlight, options);
    assertEquals([first.joined, again.joined, [...inFlight].length], [false, true, 1]);
    first.held.ack();
    assertEquals([first.acks, again.acks], [["ack"], ["ack"]]);
  }
});

Deno.test("InFlight.take() keeps another attempt, a replacement and another task apart", () => {
  const inFlight = new InFlight();
  const taken = [
    take(inFlight),
    take(inFlight, { retries: 1 }),
    take(inFlight, { retries: 1, replacedTaskNesting: 1 }),
    take(inFlight, {}, "multiply"),
  ];
  assertEquals(taken.map(({ joined }) => joined), [false, false, false, false]);
  assertEquals([...inFlight].length, 4);
});

Deno.test("InFlight.take() does not join a delivery that was answered, left or is over", () => {
  const ends: ((inFlight: InFlight, held: HeldDelivery) => void)[] = [
    (_, held) => held.ack(),
    (inFlight, held) => inFlight.leave(held),
    (inFlight, held) => inFlight.over(held),
  ];
  for (const end of ends) {
    const inFlight = new InFlight();
    end(inFlight, take(inFlight).held);
    assertEquals(take(inFlight).joined, false);
    assertEquals(take(inFlight).joined, true);
  }
});
