/** Each broker user that the Secrets make, against what is not its own. */
import { assertEquals } from "@std/assert";
import {
  type Attempt,
  bind,
  consume,
  declareExchange,
  declareQueue,
  deleteQueue,
  outcomes,
  publish,
  purge,
  take,
} from "../support/amqp_rights.ts";
import { deploy, forward, secret } from "../support/deployment.ts";

const QUEUE = "celeriac.default";

/** Nobody but the administrator changes what the definitions made. */
const making: readonly Attempt[] = [
  declareQueue("celeriac.new"),
  deleteQueue(QUEUE),
  deleteQueue("celeriac.dead"),
  declareExchange("dlx.celeriac", "fanout", true),
  bind("celeriac.dead", "celeriac"),
  purge(QUEUE),
  purge("celeriac.dead"),
];

const forbidden: Readonly<Record<string, readonly Attempt[]>> = {
  api: [...making, take(QUEUE), consume(QUEUE), take("celeriac.dead"), publish("dlx.celeriac")],
  worker: [
    ...making.filter(({ name }) => name !== purge(QUEUE).name),
    take("celeriac.dead"),
    publish("match.celeriac"),
  ],
  beat: [...making, take(QUEUE), take("celeriac.dead"), publish("dlx.celeriac")],
  dead: [
    ...making.filter(({ name }) => name !== purge("celeriac.dead").name),
    take(QUEUE),
    publish("", QUEUE),
  ],
  monitor: [...making, take(QUEUE), take("celeriac.dead"), publish("celeriac", QUEUE)],
  keda: [...making, take(QUEUE), take("celeriac.dead"), publish("celeriac", QUEUE)],
};

Deno.test("each broker user is refused what its role does not need", async () => {
  await deploy("tests/e2e/overlay");
  await using way = await forward("service/rabbitmq", 5672);
  for (const [role, attempts] of Object.entries(forbidden)) {
    const password = await secret("celeriac-broker", role);
    const url = `amqp://celeriac-${role}:${password}@127.0.0.1:${way.port}/celeriac`;
    const wanted = Object.fromEntries(attempts.map(({ name }) => [name, "refused"]));
    assertEquals(await outcomes(url, attempts), wanted, role);
  }
});
