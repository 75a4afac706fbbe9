import { assertEquals } from "@std/assert";
import { MemoryBroker } from "../../../../shared/broker/memory/broker.ts";
import { LamportClock } from "../../../../shared/celery/clock.ts";
import {
  CONTROL_EXCHANGE,
  decodeControl,
  encodeReply,
  isAddressedTo,
} from "../../../../shared/celery/control.ts";
import { declarationFor } from "../../../../shared/broker/topology.ts";
import { hasNeighbours, mingle, revokedIds } from "../../../../workers/control/mingle.ts";
import { Revocations } from "../../../../workers/control/revocations.ts";
import { withFrozenTimers } from "../../../support/frozen_timers.ts";

async function startedBroker(): Promise<MemoryBroker> {
  const broker = new MemoryBroker();
  await broker.start();
  await broker.declare(declarationFor("inspect", []));
  return broker;
}

function mingler(name: string) {
  return { name, clock: new LamportClock(), revocations: new Revocations() };
}

Deno.test("hasNeighbours() is false without other workers, and has no effect on others", async () => {
  await using broker = await startedBroker();
  assertEquals(await hasNeighbours(broker, mingler("a")), false);
  const meant: boolean[] = [];
  await broker.listen(CONTROL_EXCHANGE, (message) => {
    meant.push(isAddressedTo(decodeControl(message), "b"));
  }, { keys: [""] });
  assertEquals(await hasNeighbours(broker, mingler("a")), true);
  assertEquals(meant, [false]);
});

Deno.test("mingle() sends the revoked ids, and adds the ids and clocks of the replies", async () => {
  await using broker = await startedBroker();
  const told: unknown[] = [];
  await broker.listen(CONTROL_EXCHANGE, (message) => {
    const request = decodeControl(message);
    told.push(request.arguments);
    const answers = {
      b: { revoked: ["x"], clock: 40 },
      "celery@old": { revoked: { y: [5.5, "y"] }, clock: 7 },
      odd: { revoked: 5, clock: "late" },
      failed: { error: "KeyError('hello')" },
      a: null, // what a worker answers to itself
    };
    for (const [nodeName, value] of Object.entries(answers)) {
      broker.publish(encodeReply(request, { nodeName, value, clock: 1 })!, { mandatory: false });
    }
  }, { keys: [""] });
  const self = mingler("a");
  self.revocations.add(["mine"]);
  await mingle(broker, self, new AbortController().signal);
  assertEquals(told, [{ from_node: "a", revoked: ["mine"] }]);
  assertEquals(self.revocations.ids, ["mine", "x", "y"]);
  assertEquals(self.clock.value > 40, true);
});

Deno.test("mingle() ends when the worker stops, without the time for replies", async () => {
  await using broker = await startedBroker();
  const stopped = new AbortController();
  const requests: string[] = [];
  // A neighbour that never replies.
  await broker.listen(CONTROL_EXCHANGE, (message) => {
    requests.push(decodeControl(message).method);
    stopped.abort();
  }, { keys: [""] });
  await withFrozenTimers(() => mingle(broker, mingler("a"), stopped.signal));
  assertEquals(requests, ["hello"]);
});

Deno.test("revokedIds() reads the lists of new releases and the objects of old ones", () => {
  assertEquals(revokedIds(["a", 5, "b"]), ["a", "b"]);
  assertEquals(revokedIds({ a: [1.5, "a"] }), ["a"]);
  assertEquals(revokedIds(null), []);
});
