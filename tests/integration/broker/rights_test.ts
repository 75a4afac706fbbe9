import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Declaration } from "../../../shared/broker/declaration.ts";
import { TopologyMissing } from "../../../shared/errors.ts";
import { message, started } from "../../support/broker_helpers.ts";
import { freshVhost, management, type Vhost } from "../../support/servers.ts";

const DECLARATION: Declaration = {
  exchanges: [{ name: "celeriac", type: "direct", durable: true }],
  queues: [{ name: "celeriac.a", type: "quorum" }, { name: "celeriac.b", type: "quorum" }],
  bindings: [{ exchange: "celeriac", queue: "celeriac.a", routingKey: "a" }],
};

Deno.test("declare() without configure permission reports everything missing and the remedy", async () => {
  await using vhost = await freshVhost();
  await using user = await limitedUser(vhost, { write: ".*", read: ".*" });
  await using limited = new AmqpBroker({ url: user.url, name: "limited" });
  await limited.start();
  await limited.connected();
  const error = await limited.declare(DECLARATION).catch((error) => error);
  assertInstanceOf(error, TopologyMissing);
  for (
    const name of [
      "exchange 'celeriac'",
      "queue 'celeriac.a'",
      "queue 'celeriac.b'",
      "definitions apply",
    ]
  ) {
    assertStringIncludes(error.message, name);
  }
});

Deno.test("declare() without configure permission accepts an existing topology", async () => {
  await using vhost = await freshVhost();
  await using owner = new AmqpBroker({ url: vhost.url, name: "owner" });
  await started(owner, DECLARATION);
  await using user = await limitedUser(vhost, { write: "^celeriac$", read: "^celeriac\\..*$" });
  await using limited = new AmqpBroker({ url: user.url, name: "limited" });
  await started(limited, DECLARATION);
  await limited.publish(message("celeriac", "a"));
  const forbidden = await limited.publish(message("", "celeriac.a")).catch((error) => error);
  assertInstanceOf(forbidden, TopologyMissing);
  assertStringIncludes(forbidden.message, "no write permission");
  await limited.publish(message("celeriac", "a"));
});

Deno.test("declare() creates queues of the requested type", async () => {
  await using vhost = await freshVhost();
  await using broker = new AmqpBroker({ url: vhost.url, name: "types" });
  await started(broker, {
    ...DECLARATION,
    queues: [{ name: "celeriac.a", type: "quorum" }, { name: "celeriac.c", type: "classic" }],
  });
  const found = await management(
    vhost.managementUrl,
    "GET",
    `/api/queues/${vhost.name}?disable_stats=true&enable_queue_totals=true`,
  );
  const types = (found as { name: string; type: string; durable: boolean }[])
    .map(({ name, type, durable }) => [name, type, durable]);
  assertEquals(types, [["celeriac.a", "quorum", true], ["celeriac.c", "classic", true]]);
});

Deno.test("consume() without read permission starts once the permission is granted", async () => {
  await using vhost = await freshVhost();
  await using owner = new AmqpBroker({ url: vhost.url, name: "owner" });
  await started(owner, DECLARATION);
  await using user = await limitedUser(vhost, { write: "^$", read: "^$" });
  await using limited = new AmqpBroker({ url: user.url, name: "limited" });
  await limited.start();
  await limited.connected();
  const consuming = limited.consume("celeriac.a", () => {}, { prefetch: 1 });
  await user.grant({ write: "^$", read: "^celeriac\\.a$" });
  assertEquals((await consuming).active, true);
  await assertRejects(() => limited.publish(message("celeriac", "a")), TopologyMissing);
});

interface Rights {
  readonly write: string;
  readonly read: string;
}

interface LimitedUser extends AsyncDisposable {
  readonly url: string;
  grant(rights: Rights): Promise<void>;
}

/** A user without configure permission; deleted when disposed. */
async function limitedUser(vhost: Vhost, rights: Rights): Promise<LimitedUser> {
  const name = `user_${vhost.name}`;
  const url = new URL(vhost.url);
  url.username = name;
  url.password = "secret";
  const grant = async (granted: Rights) => {
    const path = `/api/permissions/${vhost.name}/${name}`;
    await management(vhost.managementUrl, "PUT", path, { configure: "^$", ...granted });
  };
  await management(vhost.managementUrl, "PUT", `/api/users/${name}`, {
    password: "secret",
    tags: "",
  });
  await grant(rights);
  return {
    url: url.href,
    grant,
    async [Symbol.asyncDispose]() {
      await management(vhost.managementUrl, "DELETE", `/api/users/${name}`);
    },
  };
}
