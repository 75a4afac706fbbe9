import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { WaitingQueue } from "../../../shared/broker/amqp/waiting_queue.ts";

Deno.test("WaitingQueue behaves as an array", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom("push", "push", "shift", "takeAll")), (calls) => {
    const queue = new WaitingQueue<number>();
    const expected: number[] = [];
    for (const [number, call] of calls.entries()) {
      if (call === "push") {
        queue.push(number);
        expected.push(number);
      } else if (call === "shift") assertEquals(queue.shift(), expected.shift());
      else assertEquals(queue.takeAll(), expected.splice(0));
      assertEquals(queue.length, expected.length);
    }
  }));
});
