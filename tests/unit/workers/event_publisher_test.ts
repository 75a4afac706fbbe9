import { assertEquals } from "@std/assert";
import type { Message } from "../../../shared/broker/message.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { decodeEvents, EVENT_EXCHANGE } from "../../../shared/celery/event.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { EventPublisher } from "../../../workers/event_publisher.ts";
import { eventually } from "../../support/eventually.ts";

Deno.test("EventPublisher pauses while there is no listener, and resumes when there is one", async () => {
  await using broker = new MemoryBroker();
  await broker.start();
  await broker.declare(declarationFor("worker", []));
  const node = { hostname: "celeriac@test", pid: 1, clock: () => 1 };
  const published: Message[] = [];
  const counting = {
    publish: (message: Message) => {
      published.push(message);
      return broker.publish(message);
    },
  };
  await using publisher = new EventPublisher({ broker: counting, node, enabled: true });
  const say = (id: string) => publisher.publish({ type: "task-started", id, name: "add" });

  say("unheard");
  await eventually("a first try", () => published.length === 1);
  for (let i = 0; i < 100; i++) say("unheard");
  await new Promise((resolve) => setTimeout(resolve, 100)); // longer than events wait for others
  assertEquals(published.length, 1);

  const heard: (string | null)[] = [];
  await using _listener = await broker.listen(EVENT_EXCHANGE, (message) => {
    heard.push(...decodeEvents(message).map(({ uuid }) => uuid));
  }, { keys: ["task.#"] });
  await eventually("words", () => {
    say("heard");
    return heard.length > 0;
  });
  assertEquals(new Set(heard), new Set(["heard"]));
});
