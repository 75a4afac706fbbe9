import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Acks } from "../../../shared/broker/amqp/acks.ts";

/** Interprets ack frames as a broker does, which closes the channel on a second ack of a delivery. */
class Unanswered {
  readonly tags = new Set<number>();
  readonly acked = new Set<number>();

  ack(tag: number, multiple: boolean): void {
    const covered = multiple ? [...this.tags].filter((other) => other <= tag) : [tag];
    if (!this.tags.has(tag)) throw new Error(`unknown delivery tag ${tag}`);
    for (const each of covered) {
      this.tags.delete(each);
      this.acked.add(each);
    }
  }
}

Deno.test("Acks cover exactly the acked deliveries, in any order of acks, nacks and flushes", () => {
  const answers = fc.array(fc.record({ nack: fc.boolean(), flush: fc.boolean(), pick: fc.nat() }), {
    maxLength: 60,
  });
  fc.assert(fc.property(answers, (given) => {
    const broker = new Unanswered();
    const acks = new Acks((tag, multiple) => broker.ack(tag, multiple));
    const open = given.map((_, index) => index + 1);
    for (const tag of open) {
      broker.tags.add(tag);
      acks.delivered(tag);
    }
    const wanted = new Set<number>();
    for (const { nack, flush, pick } of given) {
      const [tag = 0] = open.splice(pick % open.length, 1);
      if (nack) {
        broker.tags.delete(tag);
        acks.nacked(tag);
      } else {
        wanted.add(tag);
        acks.ack(tag);
      }
      if (flush) acks.flush();
    }
    acks.flush();
    assertEquals(broker.acked, wanted);
    assertEquals([acks.hasPending, acks.unacked], [false, 0]);
  }));
});

Deno.test("Acks use one frame for consecutive tags, and none without pending acks", () => {
  const frames: [number, boolean][] = [];
  const acks = new Acks((tag, multiple) => frames.push([tag, multiple]));
  acks.flush();
  for (let tag = 1; tag <= 501; tag++) acks.delivered(tag);
  for (let tag = 500; tag > 0; tag--) acks.ack(tag);
  acks.flush();
  acks.ack(501);
  acks.flush();
  assertEquals(frames, [[500, true], [501, false]]);
});

Deno.test("Acks keep only unacked tags in memory behind one slow delivery", () => {
  const frames: [number, boolean][] = [];
  const acks = new Acks((tag, multiple) => frames.push([tag, multiple]));
  acks.delivered(1);
  const count = 100_000;
  for (let tag = 2; tag < count; tag++) {
    acks.delivered(tag);
    acks.ack(tag);
    acks.flush();
    frames.pop();
  }
  assertEquals(acks.unacked, 1);
  acks.delivered(count);
  acks.ack(count);
  acks.ack(1);
  acks.flush();
  assertEquals(frames, [[count, true]]);
});
