/** Beat forwards events to queues of other systems, with the users of the definitions. */
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { BURST, forwardingFixture } from "../../support/forwarding.ts";
import { provisioned } from "../../support/provisioned.ts";

const BY_TYPE = "type.event.celeriac";

Deno.test("a full queue that refuses events delays neither publishers nor tasks nor other queues", async () => {
  await using broker = await provisioned(["celeriac.default"]);
  await using fixture = await forwardingFixture((role) => broker.url(role));
  const { channel } = fixture;
  const count = (outcome: string) =>
    fixture.metric(`celeriac_events_forwarded_total{outcome="${outcome}"}`);

  await channel.assertQueue("sub.well", { arguments: { "x-queue-type": "quorum" } });
  await channel.bindQueue("sub.well", BY_TYPE, "#");
  await fixture.received("sub.well", await fixture.burst("first"));
  await eventually("all outcomes", async () => await count("forwarded") === BURST);
  assertEquals((await channel.checkQueue("sub.well")).messageCount, 0);

  await channel.assertQueue("sub.full", {
    arguments: { "x-max-length": 1, "x-overflow": "reject-publish", "x-queue-type": "classic" },
  });
  await channel.bindQueue("sub.full", BY_TYPE, "#");
  await fixture.received("sub.well", await fixture.burst("full"));
  await eventually(
    "all outcomes",
    async () => await count("forwarded") + await count("refused") === 2 * BURST,
  );
  // A queue is full from its first message on, or a few later.
  assertEquals(await count("refused") > BURST - 20, true);
  assertEquals((await channel.checkQueue("sub.well")).messageCount, 0);
  assertEquals(await fixture.metric("celeriac_event_forward_messages"), 0);

  await eventually("beat is ready", async () => (await fixture.readiness())[0] === 200);
  assertEquals(await fixture.readiness(), [200, "connected", "connected"]);
  await fixture.forwarding.stop();
  assertEquals(await fixture.readiness(), [503, "connected", "stopped"]);
});
