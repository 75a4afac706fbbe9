import { assert, assertEquals, assertRejects } from "@std/assert";
import { Management } from "../../../../cli/rabbitmq/management.ts";
import { BrokerUnavailable, ConfigurationError } from "../../../../shared/errors.ts";
import { freshVhost } from "../../../support/servers.ts";

Deno.test("Management.get() reads existing objects, and find() allows missing ones", async () => {
  await using vhost = await freshVhost();
  const management = new Management(vhost.managementUrl);
  const found = await management.get(`/vhosts/${vhost.name}`) as { name: string };
  assertEquals(found.name, vhost.name);
  assertEquals(await management.find(`/queues/${vhost.name}/none`), undefined);
  await assertRejects(
    () => management.get(`/queues/${vhost.name}/none`),
    ConfigurationError,
    "refused it (404)",
  );
});

Deno.test("Management.post() creates an object and reports why it is refused", async () => {
  await using vhost = await freshVhost();
  const management = new Management(vhost.managementUrl);
  const exchange = {
    name: "made",
    type: "direct",
    durable: true,
    auto_delete: false,
    arguments: {},
  };
  await management.post(`/definitions/${vhost.name}`, { exchanges: [exchange] });
  const found = await management.get(`/exchanges/${vhost.name}/made`) as { type: string };
  assertEquals(found.type, "direct");

  await assertRejects(
    () =>
      management.post(`/definitions/${vhost.name}`, {
        policies: [{ name: "p", pattern: "", "apply-to": "queues", definition: { nonsense: 1 } }],
      }),
    ConfigurationError,
    "nonsense",
  );
  await assertRejects(
    () => management.post("/nowhere", {}),
    ConfigurationError,
    "refused it (40",
  );
});

Deno.test("Management.get() distinguishes a wrong password from an unreachable broker", async () => {
  await using vhost = await freshVhost();
  const wrong = new URL(vhost.managementUrl);
  wrong.password = "s3cret";
  const refused = await assertRejects(
    () => new Management(wrong.href).get("/overview"),
    ConfigurationError,
    "correct MANAGEMENT_URL",
  );
  const nobody = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = nobody.addr;
  nobody.close();
  const absent = await assertRejects(
    () => new Management(`http://guest:s3cret@127.0.0.1:${port}`).get("/overview"),
    BrokerUnavailable,
    `Cannot reach the management API at http://127.0.0.1:${port} because `,
  );
  assert(absent.message.includes("Connection refused"), absent.message);
  for (const { message } of [refused, absent]) assert(!message.includes("s3cret"), message);
});

Deno.test("Management.get() times out on a server that does not answer", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = silent.accept();
  const management = new Management(`http://guest:guest@127.0.0.1:${silent.addr.port}`, {
    timeout: 0.2,
  });
  await assertRejects(() => management.get("/overview"), BrokerUnavailable, "timeout");
  (await accepted).close();
  silent.close();
});

Deno.test("Management.get() detects a server that is not the management API", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("<html>Welcome</html>"),
  );
  const management = new Management(`http://127.0.0.1:${server.addr.port}/rabbit/`);
  assertEquals(management.address, `http://127.0.0.1:${server.addr.port}/rabbit`);
  await assertRejects(() => management.get("/overview"), ConfigurationError, "is not JSON");
});

Deno.test("Management retries failed reads and sends a POST once", async () => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ method }) => {
      asked.push(method);
      const fails = method === "POST" || asked.length < 3;
      return fails ? new Response("", { status: 500 }) : Response.json([]);
    },
  );
  const management = new Management(`http://127.0.0.1:${server.addr.port}`);
  assertEquals(await management.get("/users"), []);
  await assertRejects(() => management.post("/definitions", {}), BrokerUnavailable, "500");
  assertEquals(asked, ["GET", "GET", "GET", "POST"]);
});
