/** Rendered definitions against a real broker: imported, compared, imported again. */
import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { Management } from "../../../../cli/rabbitmq/management.ts";
import { applyDefinitions, readDefinitions } from "../../../../cli/rabbitmq/apply.ts";
import { describeDifference, diffDefinitions } from "../../../../cli/rabbitmq/difference.ts";
import type { Definitions } from "../../../../cli/rabbitmq/document.ts";
import { renderDefinitions, templateDefinitions } from "../../../../cli/rabbitmq/render.ts";
import { ConfigurationError } from "../../../../shared/errors.ts";
import { topology } from "../../../../shared/broker/topology.ts";
import { type Provisioned, unprovisioned } from "../../../support/provisioned.ts";
import { management } from "../../../support/servers.ts";

const QUEUES = ["celeriac.default", "celeriac.images"];

/** What is not as wanted; the importing administrator gets rights of its own in a vhost that it makes. */
async function lines(fixture: Provisioned, wanted: Definitions): Promise<string[]> {
  const importer = `user '${new URL(fixture.managementUrl).username}'`;
  return diffDefinitions(wanted, await readDefinitions(fixture.management, [fixture.vhost]))
    .filter(({ kind, object }) => kind !== "extra" || !object.includes(importer))
    .map(describeDifference);
}

/** The broker's objects of this fixture. Users belong to no vhost, and other tests run at the same time. */
async function ownDefinitions(fixture: Provisioned): Promise<Definitions> {
  const stored = await readDefinitions(fixture.management, [fixture.vhost]);
  const own = new Set(stored.permissions.map(({ user }) => user));
  return { ...stored, users: stored.users.filter(({ name }) => own.has(name)) };
}

function sorted(definitions: Definitions): string[] {
  return Object.values(definitions).flat().map((row) => JSON.stringify(row)).sort();
}

Deno.test("applyDefinitions() creates every defined object", async () => {
  await using fixture = unprovisioned(QUEUES);
  const wanted = await renderDefinitions(fixture.options);
  const everything = [
    ...wanted.users,
    ...wanted.vhosts,
    ...wanted.permissions,
    ...wanted.topic_permissions,
    ...wanted.policies,
    ...wanted.exchanges,
    ...wanted.queues,
    ...wanted.bindings,
  ];

  const { changed, left } = await applyDefinitions(fixture.management, wanted);

  assertEquals(left, []);
  assertEquals(changed.length, everything.length);
  assertEquals(changed.filter(({ kind }) => kind !== "missing"), []);
  assertEquals(await lines(fixture, wanted), []);
});

Deno.test("applyDefinitions() changes nothing the second time, hashes included", async () => {
  await using fixture = unprovisioned(QUEUES);
  await applyDefinitions(fixture.management, await renderDefinitions(fixture.options));
  const before = await ownDefinitions(fixture);

  const again = await renderDefinitions({ ...fixture.options, stored: before });
  assertEquals(await applyDefinitions(fixture.management, again), { changed: [], left: [] });
  await management(fixture.managementUrl, "POST", "/api/definitions", { ...again, vhosts: [] });

  assertEquals(sorted(await ownDefinitions(fixture)), sorted(before));
});

Deno.test("applyDefinitions() applies a new password", async () => {
  await using fixture = unprovisioned([]);
  const { secrets } = fixture.options;
  await applyDefinitions(fixture.management, await renderDefinitions(fixture.options));
  const stored = await readDefinitions(fixture.management, [fixture.vhost]);
  const api = `/api/whoami`;
  assertNotEquals(await management(fixture.managementUrlOf("admin"), "GET", api), undefined);

  const rotated = await renderDefinitions({
    ...fixture.options,
    stored,
    secrets: {
      ...secrets,
      env: (name) => name.endsWith("PASSWORD_ADMIN") ? "changed" : secrets.env(name),
    },
  });
  const { changed, left } = await applyDefinitions(fixture.management, rotated);

  assertEquals(left, []);
  assertEquals(changed.map(({ kind, detail }) => [kind, detail]), [[
    "different",
    "password is another",
  ]]);
  await assertRejects(() => management(fixture.managementUrlOf("admin"), "GET", api), Error, "401");
  const admin = new URL(fixture.managementUrlOf("admin"));
  admin.password = "changed";
  assertNotEquals(await management(admin.href, "GET", api), undefined);
});

Deno.test("applyDefinitions() reports a queue with other arguments and does not change it", async () => {
  await using fixture = unprovisioned(QUEUES);
  await management(fixture.managementUrl, "PUT", `/api/vhosts/${fixture.vhost}`, {});
  await management(fixture.managementUrl, "PUT", `/api/queues/${fixture.vhost}/celeriac.images`, {
    durable: true,
    arguments: { "x-queue-type": "classic", "x-max-priority": 5 },
  });

  const { left } = await applyDefinitions(
    fixture.management,
    await renderDefinitions(fixture.options),
  );

  assertEquals(left.map(describeDifference), [
    `different: queue 'celeriac.images' in vhost '${fixture.vhost}' (x-queue-type is "classic", wanted "quorum"; x-max-priority is 5, wanted absent)`,
  ]);
});

Deno.test("applyDefinitions() keeps the metadata of an existing vhost", async () => {
  await using fixture = unprovisioned(QUEUES);
  await management(fixture.managementUrl, "PUT", `/api/vhosts/${fixture.vhost}`, {
    description: "of the shop",
    tags: ["shop"],
    default_queue_type: "classic",
  });
  const vhost = () => management(fixture.managementUrl, "GET", `/api/vhosts/${fixture.vhost}`);
  const { metadata } = await vhost() as { metadata: unknown };

  const { left } = await applyDefinitions(
    fixture.management,
    await renderDefinitions(fixture.options),
  );

  assertEquals(left, []);
  assertEquals((await vhost() as { metadata: unknown }).metadata, metadata);
});

Deno.test("applyDefinitions() reports why the broker refuses", async () => {
  await using fixture = unprovisioned([]);
  const wanted = await renderDefinitions(fixture.options);
  const [policy] = wanted.policies;
  const broken = { ...wanted, policies: [{ ...policy!, definition: { "no-such-key": 1 } }] };

  const error = await assertRejects(
    () => applyDefinitions(fixture.management, broken),
    ConfigurationError,
  );

  assertMatch(error.message, /refused it \(400\): .*no-such-key.* not recognised/);
});

Deno.test("readDefinitions() lists undefined objects with Celeriac's names", async () => {
  await using fixture = unprovisioned(QUEUES);
  await applyDefinitions(fixture.management, await renderDefinitions(fixture.options));

  const fewer = templateDefinitions({
    ...fixture.options,
    topology: topology(["celeriac.default"]),
    users: fixture.users.filter(({ role }) => role !== "flower"),
  });
  const found = await lines(fixture, fewer);

  const where = `in vhost '${fixture.vhost}'`;
  const flower = fixture.users.find(({ role }) => role === "flower")?.name;
  assertEquals(found, [
    `extra: binding of queue 'celeriac.images' to exchange 'celeriac' ${where} (key 'celeriac.images')`,
    `extra: binding of queue 'celeriac.images' to exchange 'celery_delayed_delivery' ${where} (key '#.celeriac.images')`,
    `extra: binding of queue 'celeriac.images' to exchange 'match.celeriac' ${where} (key '', arguments {"celeriac-queue":"celeriac.images","x-match":"all"})`,
    `extra: permission of user '${flower}' ${where}`,
    `extra: queue 'celeriac.images' ${where}`,
  ]);
});

Deno.test("applyDefinitions() creates the queues of Celery's native delayed delivery once", async () => {
  await using fixture = unprovisioned(QUEUES);
  for (const delayLevels of ["quorum", "quorum"] as const) {
    const options = { ...fixture.options, delayLevels };
    const wanted = await renderDefinitions(options);
    const { left } = await applyDefinitions(fixture.management, wanted);
    assertEquals(left, []);
  }
  const { queues } = await readDefinitions(fixture.management, [fixture.vhost]);
  const longest = queues.find(({ name }) => name === "celery_delayed_27");
  assertEquals(longest?.arguments["x-message-ttl"], 2 ** 27 * 1000);
});

Deno.test("readDefinitions() needs an administrator", async () => {
  await using fixture = unprovisioned([]);
  await applyDefinitions(fixture.management, await renderDefinitions(fixture.options));
  const keda = new Management(fixture.managementUrlOf("keda"));
  await assertRejects(
    () => readDefinitions(keda, [fixture.vhost]),
    ConfigurationError,
    "lacks the tag 'administrator'",
  );
});
