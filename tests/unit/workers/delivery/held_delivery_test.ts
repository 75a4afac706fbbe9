import { assertEquals } from "@std/assert";
import type { Delivery } from "../../../../shared/broker/broker.ts";
import { HeldDelivery } from "../../../../workers/delivery/held_delivery.ts";
import type { MessageLease } from "../../../../workers/delivery/message_leases.ts";

/** A delivery that notes its answer, on a channel of its own. */
function delivered(headers: Record<string, string | boolean> = {}) {
  const channel = new AbortController();
  const answers: string[] = [];
  const delivery: Delivery = {
    message: { exchange: "", routingKey: "q", properties: {}, headers, body: new Uint8Array() },
    redelivered: false,
    get open() {
      return !channel.signal.aborted;
    },
    gone: channel.signal,
    ack: () => void answers.push("ack"),
    nack: ({ requeue }) => void answers.push(requeue ? "requeue" : "set aside"),
  };
  return { delivery, answers, channel };
}

/** A lease that notes what becomes of it. */
function lease(isHeld = true) {
  const ends: string[] = [];
  const taken = {
    onLost: () => {},
    end: () => void ends.push("end"),
    giveBack: () => void ends.push("back"),
    confirm: () => {
      if (!isHeld) taken.onLost();
      return Promise.resolve(isHeld);
    },
  };
  return { taken: taken as unknown as MessageLease, ends };
}

Deno.test("HeldDelivery acknowledges each delivery that joined it", async () => {
  const [first, copy] = [delivered(), delivered()];
  const held = new HeldDelivery(first.delivery);
  const joined = new HeldDelivery(copy.delivery);
  held.join(joined);
  joined.nack({ requeue: true });
  joined.over();
  held.ack();
  held.nack({ requeue: true });
  assertEquals([first.answers, copy.answers], [["ack"], ["ack"]]);
  await joined.answered;
});

Deno.test("HeldDelivery is open again when a redelivery joins it after its channel closed", async () => {
  const [lost, again] = [delivered(), delivered()];
  const held = new HeldDelivery(lost.delivery);
  const { gone } = held;
  lost.channel.abort(new Error("timed out"));
  assertEquals([held.open, gone.aborted, String(held.fault)], [false, true, "Error: timed out"]);
  held.join(new HeldDelivery(again.delivery));
  await held.answered;
  assertEquals([held.open, String(held.fault)], [true, "Error: timed out"]);
  held.nack({ requeue: true });
  assertEquals([lost.answers, again.answers], [[], ["requeue"]]);
});

Deno.test("HeldDelivery.lease() acknowledges the delivery; later acknowledgements go to the lease", async () => {
  for (
    const [answer, end] of [
      [(held: HeldDelivery) => held.ack(), "end"],
      [(held: HeldDelivery) => held.nack({ requeue: true }), "back"],
      [(held: HeldDelivery) => held.nack({ requeue: false }), "end"],
      [(held: HeldDelivery) => held.over(), "back"],
    ] as const
  ) {
    const { delivery, answers, channel } = delivered();
    const { taken, ends } = lease();
    const held = new HeldDelivery(delivery);
    const { gone } = held;
    await held.lease(() => Promise.resolve(taken));
    await held.answered;
    channel.abort();
    assertEquals([answers, ends, held.open, gone.aborted], [["ack"], [], true, false]);
    answer(held);
    held.over();
    assertEquals([answers, ends], [["ack"], [end]]);
  }
});

Deno.test("HeldDelivery.lease() ends a lease that is taken after the acknowledgement", async () => {
  const { delivery, answers } = delivered();
  const { taken, ends } = lease();
  const held = new HeldDelivery(delivery);
  const leasing = held.lease(() => Promise.resolve(taken));
  held.nack({ requeue: true });
  await leasing;
  assertEquals([answers, ends, held.leased], [["requeue"], ["end"], false]);
});

Deno.test("HeldDelivery.join() acknowledges a copy only while the lease is held", async () => {
  for (const isHeld of [true, false]) {
    const [first, copy] = [delivered(), delivered()];
    const { taken } = lease(isHeld);
    const held = new HeldDelivery(first.delivery);
    await held.lease(() => Promise.resolve(taken));
    held.join(new HeldDelivery(copy.delivery));
    await Promise.resolve().then(() => {}).then(() => {});
    assertEquals([copy.answers, held.open, held.leased], [isHeld ? ["ack"] : [], true, isHeld]);
    held.ack();
    assertEquals(copy.answers, ["ack"]);
  }
});

Deno.test("HeldDelivery counts a message from the outbox as redelivered", () => {
  const { delivery } = delivered({ "celeriac-redelivered": true });
  assertEquals(new HeldDelivery(delivery).redelivered, true);
  assertEquals(new HeldDelivery(delivered().delivery).redelivered, false);
});
