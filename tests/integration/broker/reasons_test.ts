import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { parseAmqpUrl } from "../../../shared/broker/amqp/address.ts";
import { eventually } from "../../support/eventually.ts";
import { freshVhost, management } from "../../support/servers.ts";

Deno.test("status reports a wrong password without repeating it", async () => {
  await using vhost = await freshVhost();
  const url = new URL(vhost.url);
  url.password = "s3cret";
  const reason = await reasonOf(url.href);
  assertStringIncludes(reason, `wrong user name or password for '${url.username}': `);
  assertStringIncludes(reason, "definitions apply");
  assert(!reason.includes("s3cret"));
});

Deno.test("status lists the causes of a rejected vhost", async () => {
  await using vhost = await freshVhost();
  const reason = await reasonOf(`${vhost.url}_gone`);
  assertStringIncludes(reason, `vhost '${vhost.name}_gone'`);
  assertStringIncludes(reason, "does not exist, or the user has no permissions in it");
});

Deno.test("status reports a refused connection and an unknown host name", async () => {
  const nobody = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = nobody.addr;
  nobody.close();
  assertEquals(
    await reasonOf(`amqp://127.0.0.1:${port}/`),
    "connection refused",
  );
  assertEquals(
    await reasonOf("amqp://no-such-host.invalid/"),
    "the host name 'no-such-host.invalid' cannot be resolved",
  );
});

Deno.test("status distinguishes a silent server from one with another protocol", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertEquals(
    await reasonOf(`amqp://127.0.0.1:${silent.addr.port}/`, { connectTimeoutMs: 200 }),
    "the connection timed out",
  );
  silent.close();
  const abrupt = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const closing = (async () => {
    for await (const connection of abrupt) {
      await connection.read(new Uint8Array(8));
      connection.close();
    }
  })();
  assertStringIncludes(
    await reasonOf(`amqp://127.0.0.1:${abrupt.addr.port}/`),
    "during the handshake",
  );
  abrupt.close();
  await closing;
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(),
  );
  assertStringIncludes(
    await reasonOf(`amqp://127.0.0.1:${http.addr.port}/`),
    "does not speak AMQP",
  );
  await http.shutdown();
});

Deno.test("AmqpBroker connects with a non-ASCII password and vhost", async () => {
  await using vhost = await freshVhost();
  const user = vhost.name;
  const password = "p%ä:/@世";
  const other = `${vhost.name} ü/%41`;
  const path = encodeURIComponent(other);
  await management(vhost.managementUrl, "PUT", `/api/users/${user}`, { password, tags: "" });
  await management(vhost.managementUrl, "PUT", `/api/vhosts/${path}`, {});
  await management(vhost.managementUrl, "PUT", `/api/permissions/${path}/${user}`, {
    configure: "",
    write: "",
    read: "",
  });
  try {
    const { host } = new URL(vhost.url);
    const url = `amqp://${user}:${encodeURIComponent(password)}@${host}/${path}`;
    await using broker = new AmqpBroker({ url, name: "letters" });
    await broker.start();
    await broker.connected({ signal: AbortSignal.timeout(60_000) });
    assertEquals(broker.status.state, "connected");
  } finally {
    await management(vhost.managementUrl, "DELETE", `/api/users/${user}`);
    await management(vhost.managementUrl, "DELETE", `/api/vhosts/${path}`);
  }
});

/** Reason in the status when connecting fails. */
async function reasonOf(url: string, options: { connectTimeoutMs?: number } = {}): Promise<string> {
  await using broker = new AmqpBroker({ url, name: "reasons", ...options });
  await broker.start();
  const reason = await eventually("a reason", () => broker.status.reason);
  assertEquals(broker.status.state, "connecting");
  const intro = `there is no connection to ${parseAmqpUrl(url).label}: `;
  assert(reason.startsWith(intro) && !reason.includes("s3cret"), reason);
  return reason.slice(intro.length);
}
