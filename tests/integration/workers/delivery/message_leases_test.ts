import { assertEquals } from "@std/assert";
import type { Database } from "../../../../shared/database/database.ts";
import { loadConfig } from "../../../../shared/config/config.ts";
import { MemoryBroker } from "../../../../shared/broker/memory/broker.ts";
import { encodeTask } from "../../../../shared/celery/message.ts";
import { defineTask, z } from "../../../../shared/mod.ts";
import { Registry } from "../../../../shared/contracts/registry.ts";
import { declarationFor, destinationOf } from "../../../../shared/broker/topology.ts";
import { handle, Handlers } from "../../../../workers/handlers.ts";
import { WorkerProcess } from "../../../../workers/main.ts";
import { MessageLeases } from "../../../../workers/delivery/message_leases.ts";
import { eventually } from "../../../support/eventually.ts";
import { migratedPglite, migratedPostgres } from "../../../support/migrated.ts";
import { relayOf } from "../../../support/relay.ts";
import { entry } from "../../../support/settlements.ts";

interface Row {
  readonly task_id: string;
  readonly holder: string | null;
  readonly seconds: number;
}

function rows(database: Database): Promise<Row[]> {
  return database.query<Row>(
    `select task_id, holder, extract(epoch from due_at - clock_timestamp())::float8 as seconds
    from celeriac.outbox order by id`,
  );
}

Deno.test("MessageLeases renews what it holds, and loses what another process took", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await using leases = new MessageLeases({ database, holder: "a", seconds: 60, renewMs: 20 });
  await leases.start();
  const lost: string[] = [];
  const names = ["held", "taken", "ended", "returned"] as const;
  const [held, taken, ended, returned] = await Promise.all(names.map(async (name) => {
    const lease = await leases.take(entry(name));
    lease.onLost = () => lost.push(name);
    return lease;
  }));
  // A copy that waits is another row.
  await database.query("update celeriac.outbox set due_at = now() + interval '1 second'");
  await eventually("renewals", async () => {
    return (await rows(database)).every(({ seconds, holder }) => seconds > 30 && holder === "a");
  });
  await database.query(
    "update celeriac.outbox set offer = id, holder = null where task_id = 'taken'",
  );
  ended!.end();
  returned!.giveBack();
  await eventually("the loss", () => lost.length > 0);
  assertEquals([lost, leases.size], [["taken"], 1]);
  assertEquals([await held!.confirm(), await taken!.confirm()], [true, false]);
  await eventually("the end and the return", async () => {
    const left = (await rows(database)).map(({ task_id, holder, seconds }) =>
      `${task_id} ${holder ?? "nobody"} ${seconds > 0 ? "later" : "now"}`
    );
    return left.length === 3 && left.includes("returned nobody now") &&
      left.includes("held a later");
  });
});

Deno.test("Relay leaves leases alone until the database has answered for a while, and then sends those that are due", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await using broker = new MemoryBroker();
  await broker.start();
  await broker.declare(declarationFor("dev", ["celeriac.default"]));
  const got: string[] = [];
  await broker.consume("celeriac.default", (delivery) => {
    got.push(String(delivery.message.headers.id));
    delivery.ack();
  }, { prefetch: 10 });
  const leases = new MessageLeases({ database, holder: "a" });
  const at = destinationOf("celeriac.default");
  const message = (id: string) => ({ ...entry(id).message, ...at, headers: { id } });
  await leases.take({ ...entry("due"), message: message("due") });
  await leases.take({ ...entry("held"), message: message("held") });
  await database.query("update celeriac.outbox set due_at = now() where task_id = 'due'");
  await using relay = relayOf({ database, broker, pollMs: 50 });
  await relay.start();
  const began = performance.now();
  await eventually("the message", () => got.length > 0);
  const waited = performance.now() - began;
  assertEquals([got, waited >= 9_000], [["due"], true]);
  assertEquals((await rows(database)).map(({ task_id }) => task_id), ["held"]);
});

Deno.test("a long task is leased in embedded mode", async () => {
  await using stack = new AsyncDisposableStack();
  const { database } = stack.use(await migratedPglite());
  const broker = stack.use(new MemoryBroker());
  await broker.start();
  const gate = Promise.withResolvers<string>();
  let runs = 0;
  const slow = handle(defineTask({ name: "slow", input: z.object({}) }), () => {
    runs++;
    return gate.promise;
  });
  const registry = new Registry([slow.contract]);
  await broker.declare(declarationFor("dev", registry.queues));
  const node = stack.use(
    new WorkerProcess({
      config: loadConfig("dev", { flags: { leaseAfter: "0.2" }, env: () => undefined }),
      registry,
      handlers: new Handlers([slow]),
      modules: {
        contracts: import.meta.resolve("../../../app/contracts.ts"),
        handlers: import.meta.resolve("../../../app/handlers.ts"),
      },
      broker,
      database,
    }),
  );
  await node.start();
  const message = encodeTask(
    { task: "slow", args: [], kwargs: {}, options: { taskId: "long" } },
    { origin: "test", destination: destinationOf("celeriac.default"), now: new Date() },
  );
  await broker.publish(message);
  await eventually("a lease", async () => (await rows(database))[0]?.holder === node.node);
  await broker.publish(message);
  gate.resolve("done");
  await eventually("its record", async () => {
    const [row] = await database.query<{ state: string }>("select state from celeriac.task");
    return row?.state === "SUCCESS" && (await rows(database)).length === 0;
  });
  assertEquals(runs, 1);
  await eventually("no task in flight", async () => {
    return (await database.query("select task_id from celeriac.holder")).length === 0;
  });
});
