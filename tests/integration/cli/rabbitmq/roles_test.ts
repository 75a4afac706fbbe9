/** What processes make of their rights when they connect: the least-privilege users check, an administrator makes. */
import { assertEquals, assertRejects } from "@std/assert";
import { AmqpBroker } from "../../../../shared/broker/amqp/broker.ts";
import { Management } from "../../../../cli/rabbitmq/management.ts";
import { readDefinitions } from "../../../../cli/rabbitmq/apply.ts";
import { TopologyMissing } from "../../../../shared/errors.ts";
import { declarationFor } from "../../../../shared/broker/topology.ts";
import { provisioned } from "../../../support/provisioned.ts";
import { freshVhost, management } from "../../../support/servers.ts";

const QUEUES = ["celeriac.default", "celeriac.images"];
const ROLES = ["api", "worker", "beat"] as const;

/** A connected broker. */
async function broker(url: string): Promise<AmqpBroker> {
  const broker = new AmqpBroker({ url, name: "roles test" });
  await broker.start();
  await broker.connected({ signal: AbortSignal.timeout(60_000) });
  return broker;
}

for (const role of ROLES) {
  Deno.test(`declarationFor() accepts the objects of the definitions, as user ${role}`, async () => {
    await using fixture = await provisioned(QUEUES);
    await using process = await broker(fixture.url(role));
    await process.declare(declarationFor(role, QUEUES));
    assertEquals(process.status.state, "connected");
  });
}

for (const [role, queue] of [["api", "celeriac.images"], ["worker", "celeriac.dead"]] as const) {
  Deno.test(`declarationFor() detects that ${queue} is missing, as user ${role}`, async () => {
    await using fixture = await provisioned(QUEUES);
    await management(fixture.managementUrl, "DELETE", `/api/queues/${fixture.vhost}/${queue}`);
    await using process = await broker(fixture.url(role));
    const error = await assertRejects(
      () => process.declare(declarationFor(role, QUEUES)),
      TopologyMissing,
      "deno task definitions apply",
    );
    assertEquals(error.message.includes(`queue '${queue}' is missing`), true, error.message);
  });
}

Deno.test("declarationFor() declares objects if the user has permission", async () => {
  await using vhost = await freshVhost();
  await using process = await broker(vhost.url);
  for (const role of ROLES) await process.declare(declarationFor(role, QUEUES));
  const { exchanges, queues, bindings } = await readDefinitions(
    new Management(vhost.managementUrl),
    [vhost.name],
  );
  assertEquals(exchanges.map(({ name }) => name).sort(), [
    "celeriac",
    "celery.pidbox",
    "celery_delayed_delivery",
    "celeryev",
    "dlx.celeriac",
    "event.celeriac",
    "every.event.celeriac",
    "match.event.celeriac",
    "reply.celery.pidbox",
    "type.event.celeriac",
  ]);
  assertEquals(queues.map(({ name }) => name).sort(), [
    "celeriac.dead",
    ...QUEUES,
    "forward.celeriac",
    "inbox.celeriac",
  ]);
  assertEquals(bindings.map(({ source, destination }) => `${source} -> ${destination}`).sort(), [
    "celeriac -> celeriac.default",
    "celeriac -> celeriac.images",
    "celery_delayed_delivery -> celeriac.default",
    "celery_delayed_delivery -> celeriac.images",
    "dlx.celeriac -> celeriac.dead",
    "event.celeriac -> forward.celeriac",
    "event.celeriac -> inbox.celeriac",
    "type.event.celeriac -> every.event.celeriac",
    "type.event.celeriac -> match.event.celeriac",
  ]);
});
