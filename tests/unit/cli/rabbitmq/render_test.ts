import { assert, assertEquals, assertRejects } from "@std/assert";
import { formatDefinitions, parseDefinitions } from "../../../../cli/rabbitmq/document.ts";
import { hashPassword, isHashOf } from "../../../../cli/rabbitmq/password.ts";
import { renderDefinitions, templateDefinitions } from "../../../../cli/rabbitmq/render.ts";
import { brokerUsers, projectUser, selectUsers } from "../../../../cli/rabbitmq/users.ts";
import { ConfigurationError } from "../../../../shared/errors.ts";
import { Registry } from "../../../../shared/contracts/registry.ts";
import * as sampleApp from "../../../../shared/tasks/mod.ts";
import { topology } from "../../../../shared/broker/topology.ts";

const file = new URL("../../../../infra/rabbitmq-definitions.json", import.meta.url);
const TOPOLOGY = topology(["celeriac.default"]);

function secrets(variables: Record<string, string>) {
  return {
    env: (name: string) => variables[name],
    readFile: (path: string): string => {
      throw new Error(`Cannot read ${path}`);
    },
  };
}

Deno.test("templateDefinitions() of the sample app matches the file in the checkout", async () => {
  const { queues } = Registry.fromModule(sampleApp, "shared/tasks/mod.ts");
  const template = templateDefinitions({ topology: topology(queues) });
  assertEquals(await Deno.readTextFile(file), formatDefinitions(template));
  assertEquals(parseDefinitions(JSON.parse(await Deno.readTextFile(file))), template);
});

Deno.test("templateDefinitions() contains no secret", () => {
  assert(!/password|hash/i.test(formatDefinitions(templateDefinitions({ topology: TOPOLOGY }))));
});

Deno.test("templateDefinitions() refers to one vhost only", () => {
  const { users: _users, vhosts, ...inside } = templateDefinitions({
    topology: TOPOLOGY,
    vhost: "shop",
    defaultQueueType: "classic",
  });
  assertEquals(vhosts.map(({ name, metadata }) => [name, metadata?.["default_queue_type"]]), [
    ["shop", "classic"],
  ]);
  for (const row of Object.values(inside).flat()) assertEquals(row.vhost, "shop");
});

Deno.test("templateDefinitions() writes every key that RabbitMQ 3.10 requires", () => {
  const { exchanges, queues, users } = templateDefinitions({ topology: TOPOLOGY });
  for (const row of [...exchanges, ...queues]) {
    assertEquals([typeof row.durable, typeof row.auto_delete], ["boolean", "boolean"]);
    assertEquals(typeof row.arguments, "object");
  }
  for (const user of users) assert(Array.isArray(user.tags));
});

Deno.test("renderDefinitions() combines the template and the hashes", async () => {
  const users = selectUsers(brokerUsers(), ["api", "worker"]);
  const rendered = await renderDefinitions({
    topology: TOPOLOGY,
    users,
    secrets: secrets({
      CELERIAC_BROKER_PASSWORD_API: "one",
      CELERIAC_BROKER_PASSWORD_WORKER: "two",
    }),
  });
  const { users: rows, ...rest } = rendered;
  const { users: templateRows, ...template } = templateDefinitions({ topology: TOPOLOGY, users });
  assertEquals(rest, template);
  assertEquals(rows.map(({ name, tags }) => ({ name, tags })), templateRows);
  for (const [index, password] of ["one", "two"].entries()) {
    const { password_hash = "", hashing_algorithm = "" } = rows[index] ?? {};
    assert(await isHashOf(password, { password_hash, hashing_algorithm }));
  }
});

Deno.test("renderDefinitions() keeps hashes that the broker has for the same password", async () => {
  const users = selectUsers(brokerUsers(), ["api"]);
  const [{ name } = { name: "" }] = users;
  const stored = { users: [{ name, tags: [], ...await hashPassword("one") }] };
  const rendered = await renderDefinitions({
    topology: TOPOLOGY,
    users,
    stored,
    secrets: secrets({ CELERIAC_BROKER_PASSWORD_API: "one" }),
  });
  assertEquals(rendered.users, stored.users);
});

Deno.test("renderDefinitions() rejects users without a password and names every variable", async () => {
  const error = await assertRejects(
    () =>
      renderDefinitions({
        topology: TOPOLOGY,
        users: [...selectUsers(brokerUsers(), ["api", "beat", "dead"]), projectUser("shop")],
        secrets: secrets({ CELERIAC_BROKER_PASSWORD_BEAT: "one" }),
      }),
    ConfigurationError,
  );
  assertEquals(
    error.message,
    "Cannot render 'celeriac-api', 'celeriac-dead', 'shop' without a password as RabbitMQ would erase the one it has: " +
      "set CELERIAC_BROKER_PASSWORD_API, CELERIAC_BROKER_PASSWORD_DEAD, CELERIAC_BROKER_PASSWORD_PROJECT " +
      "(or the same with _FILE; or leave users out with --users)",
  );
});

Deno.test("formatDefinitions() writes one row per line", () => {
  const empty = parseDefinitions({ vhosts: [{ name: "a" }, { name: "b" }] });
  assertEquals(formatDefinitions(empty).split("\n").slice(0, 6), [
    "{",
    '  "users": [],',
    '  "vhosts": [',
    '    {"name":"a"},',
    '    {"name":"b"}',
    "  ],",
  ]);
});
