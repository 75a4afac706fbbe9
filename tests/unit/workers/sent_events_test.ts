import { assertEquals } from "@std/assert";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { HIDDEN_REPR } from "../../../shared/results/kept_input.ts";
import { Events, type TaskEvent } from "../../../shared/telemetry/events.ts";
import { publisherWithEvents } from "../../../workers/sent_events.ts";

Deno.test("publisherWithEvents() hides the arguments of tasks that redact some", async () => {
  const queue = "celeriac.default";
  await using broker = new MemoryBroker();
  await broker.start();
  await broker.declare(declarationFor("worker", [queue]));
  const events = new Events();
  const sent: TaskEvent[] = [];
  events.on((event) => sent.push(event));
  const publisher = publisherWithEvents({
    broker,
    outbox: { add: () => Promise.resolve() },
    origin: "gen1@test",
    events,
    hides: (name) => name === "pay",
  });
  for (const task of ["pay", "add"]) {
    const options = { taskId: task, queue };
    await publisher.submit({ task, args: [], kwargs: { card: "4111" }, options });
  }
  const shown = sent.map((event) =>
    event.type === "task-sent" && [event.name, event.args, event.kwargs]
  );
  assertEquals(shown, [["pay", HIDDEN_REPR, HIDDEN_REPR], ["add", "()", "{'card': '4111'}"]]);
});
