import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { testPausing } from "../../support/pausing.ts";
import { freshVhost } from "../../support/servers.ts";

testPausing("memory and PGlite", async () => {
  await using stack = new AsyncDisposableStack();
  const { database } = stack.use(await migratedPglite());
  const broker = stack.use(new MemoryBroker());
  await broker.start();
  const owned = stack.move();
  return { broker, database, [Symbol.asyncDispose]: () => owned.disposeAsync() };
});

testPausing("RabbitMQ and Postgres", async () => {
  await using stack = new AsyncDisposableStack();
  const vhost = stack.use(await freshVhost());
  const { database } = stack.use(await migratedPostgres());
  const broker = stack.use(new AmqpBroker({ url: vhost.url, name: "test" }));
  await broker.start();
  await broker.connected();
  const owned = stack.move();
  return { broker, database, [Symbol.asyncDispose]: () => owned.disposeAsync() };
});
