/** Tests every broker user of the Secrets with every operation outside its grant. */
import { assert, assertEquals } from "@std/assert";
import { type BrokerUser, brokerUsers } from "../../cli/rabbitmq/users.ts";
import {
  type Attempt,
  bind,
  bindExchange,
  consume,
  declareExchange,
  declareQueue,
  deleteExchange,
  deleteQueue,
  outcomes,
  publish,
  purge,
  take,
  unbind,
} from "../support/amqp_rights.ts";
import { deploy, forward, secret } from "../support/deployment.ts";
import { management } from "../support/servers.ts";

/** Users of the deployment, except its administrator. */
const ROLES = ["api", "worker", "beat", "dead", "monitor", "keda", "events"];

/** Required permissions of an attempt. */
interface Tried {
  readonly attempt: Attempt;
  readonly configure?: string;
  readonly write?: string;
  readonly read?: string;
}

/** Every operation on every name. */
function everything(queues: readonly string[], exchanges: readonly string[]): Tried[] {
  return [
    ...queues.flatMap((queue) => [
      { attempt: declareQueue(queue), configure: queue },
      { attempt: deleteQueue(queue), configure: queue },
      { attempt: purge(queue), read: queue },
      { attempt: take(queue), read: queue },
      { attempt: consume(queue), read: queue },
      { attempt: publish("", queue), write: "amq.default" },
    ]),
    ...exchanges.flatMap((exchange) => [
      { attempt: declareExchange(exchange, "fanout", true), configure: exchange },
      { attempt: deleteExchange(exchange), configure: exchange },
      { attempt: publish(exchange), write: exchange },
      ...queues.flatMap((queue) => [
        { attempt: bind(queue, exchange), write: queue, read: exchange },
        { attempt: unbind(queue, exchange), write: queue, read: exchange },
      ]),
      ...exchanges.map((source) => ({
        attempt: bindExchange(exchange, source),
        write: exchange,
        read: source,
      })),
    ]),
  ];
}

function outside(tried: Tried, { permission }: BrokerUser): boolean {
  return (["configure", "write", "read"] as const).some((right) => {
    const name = tried[right];
    return name !== undefined && !new RegExp(permission[right]).test(name);
  });
}

/** Responses of the management API to requests that must be refused. */
async function asked(url: string): Promise<number[]> {
  const { origin, username, password } = new URL(url);
  const authorization = `Basic ${btoa(`${username}:${password}`)}`;
  const requests = [
    ["GET", "/api/definitions"],
    ["PUT", "/api/users/celeriac-stranger", { password: "x", tags: "administrator" }],
    ["PUT", "/api/vhosts/stranger", {}],
    ["PUT", `/api/permissions/celeriac/${username}`, { configure: ".*", write: ".*", read: ".*" }],
    ["PUT", "/api/policies/celeriac/stranger", { pattern: ".*", definition: { "max-length": 1 } }],
    ["DELETE", "/api/users/celeriac-admin"],
    ["DELETE", "/api/connections/username/celeriac-worker"],
    ["DELETE", "/api/queues/celeriac/celeriac.default"],
  ] as const;
  return await Promise.all(requests.map(async ([method, path, body]) => {
    const headers = { authorization, "content-type": "application/json" };
    const init = body ? { body: JSON.stringify(body) } : {};
    const answer = await fetch(`${origin}${path}`, { method, headers, ...init });
    await answer.body?.cancel();
    return answer.status;
  }));
}

Deno.test("each broker user is refused every operation outside its grant", async () => {
  await deploy("tests/e2e/overlay");
  await using amqp = await forward("pod/rabbitmq-0", 5672);
  await using http = await forward("pod/rabbitmq-0", 15672);
  const admin = await secret("celeriac-broker", "admin");
  const administration = `http://celeriac-admin:${admin}@127.0.0.1:${http.port}`;
  const names = (list: unknown) => (list as { name: string }[]).map(({ name }) => name);
  const there = names(await management(administration, "GET", "/api/queues/celeriac"))
    .filter((name) => !name.startsWith("amq."));
  const queues = [...there, "celeriac.new"];
  const exchanges = names(await management(administration, "GET", "/api/exchanges/celeriac"))
    .filter((name) => name === "amq.topic" || name !== "" && !name.startsWith("amq."));
  const all = everything(queues, exchanges);
  for (const user of brokerUsers().filter(({ role }) => ROLES.includes(role))) {
    const password = await secret("celeriac-broker", user.role);
    const url = `amqp://${user.name}:${password}@127.0.0.1:${amqp.port}/celeriac`;
    const attempts = all.filter((tried) => outside(tried, user)).map(({ attempt }) => attempt);
    const wanted = Object.fromEntries(attempts.map(({ name }) => [name, "refused"]));
    assertEquals(await outcomes(url, attempts), wanted, user.role);
    const answers = await asked(`http://${user.name}:${password}@127.0.0.1:${http.port}`);
    assert(answers.every((status) => status === 401 || status === 403), `${user.role}: ${answers}`);
    console.log(
      `${user.role}: ${attempts.length} of ${all.length} operations are outside its grant`,
    );
  }
  // The Secret of other systems is enough to publish and to receive.
  const { username, password } = new URL(await secret("celeriac-events", "amqp-url"));
  assertEquals(username, "celeriac-events");
  const allowed = [
    publish("event.celeriac"),
    declareQueue("sub.e2e"),
    bind("sub.e2e", "every.event.celeriac"),
    deleteQueue("sub.e2e"),
  ];
  const own = `amqp://${username}:${password}@127.0.0.1:${amqp.port}/celeriac`;
  assertEquals(
    await outcomes(own, allowed),
    Object.fromEntries(allowed.map(({ name }) => [name, "allowed"])),
  );
  const after = names(await management(administration, "GET", "/api/queues/celeriac"));
  assertEquals(after.filter((name) => there.includes(name)), there);
});
