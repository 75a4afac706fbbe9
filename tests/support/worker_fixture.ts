/** A worker, a publisher and a relay in this process, with a fresh vhost and database. */
import { newId } from "../../shared/results/uuid_time.ts";
import { AmqpBroker } from "../../shared/broker/amqp/broker.ts";
import type { Delivery } from "../../shared/broker/broker.ts";
import type { SignatureOptions } from "../../shared/celery/signature.ts";
import { loadConfig } from "../../shared/config/config.ts";
import { makeDjangoTables } from "../../shared/database/django.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import type { EventContracts } from "../../shared/events/event_contracts.ts";
import { Outbox } from "../../shared/outbox/outbox.ts";
import { Publisher } from "../../shared/outbox/publisher.ts";
import { Registry } from "../../shared/contracts/registry.ts";
import { isFinal, type TaskRecord } from "../../shared/results/result.ts";
import { resultStore } from "../../shared/results/open_store.ts";
import type { PostgresResultStore } from "../../shared/results/postgres.ts";
import type { SettingKey } from "../../shared/config/settings.ts";
import { DEAD_QUEUE, declarationFor } from "../../shared/broker/topology.ts";
import { type Handler, Handlers } from "../../workers/handlers.ts";
import { WorkerProcess } from "../../workers/main.ts";
import { eventually } from "./eventually.ts";
import { freshMigrated } from "./migrated.ts";
import { relayOf } from "./relay.ts";
import { freshVhost, management } from "./servers.ts";

/** A running worker with its servers and helpers. */
export interface WorkerFixture extends AsyncDisposable {
  readonly broker: AmqpBroker;
  /** URL of the broker. */
  readonly url: string;
  readonly database: PostgresDatabase;
  readonly store: PostgresResultStore;
  readonly outbox: Outbox;
  readonly worker: WorkerProcess;
  /** Starts another worker on the same servers, with other handlers. */
  beside(handlers: readonly Handler[]): Promise<WorkerProcess>;
  /** Submits to the contract's queue. @returns the id */
  submit(
    task: string,
    kwargs: Record<string, unknown>,
    options?: SignatureOptions & { args?: unknown[] },
  ): Promise<string>;
  /** The record, once its state is final. */
  final(id: string): Promise<TaskRecord>;
  /** Deletes a queue with its ready and unacked messages, then declares it again. */
  replaceQueue(queue: string): Promise<void>;
  /** The next dead letter, acknowledged. */
  deadLetter(): Promise<Delivery>;
}

/** Modules for the worker's children: the tests' own app. */
const MODULES = {
  contracts: import.meta.resolve("../app/contracts.ts"),
  handlers: import.meta.resolve("../app/handlers.ts"),
};

/** Starts a worker fixture.
 *
 * @param flags settings of the worker, as on a command line
 * @param options.unroutableSeconds option of the relay
 * @param options.events contracts of the events that the handlers emit */
export async function startWorkerFixture(
  handlers: readonly Handler[],
  flags: Partial<Record<SettingKey, string>> = {},
  options: { unroutableSeconds?: number; events?: EventContracts } = {},
): Promise<WorkerFixture> {
  const stack = new AsyncDisposableStack();
  const vhost = stack.use(await freshVhost());
  const fresh = stack.use(await freshMigrated());
  const database = stack.use(new PostgresDatabase({ url: fresh.url, name: "test" }));
  await database.start();
  if (flags.results === "django") await makeDjangoTables(database);
  const broker = stack.use(new AmqpBroker({ url: vhost.url, name: "test" }));
  await broker.start();
  await broker.connected();
  const registry = new Registry(handlers.map(({ contract }) => contract));
  await broker.declare(declarationFor("dev", registry.queues));
  const config = loadConfig("worker", {
    flags: { processes: "1", grace: "10", unknownTaskWait: "0", ...flags },
    env: () => undefined,
  });
  const store = resultStore(config.results, database);
  const outbox = new Outbox({ database });
  const publisher = new Publisher({ broker, outbox, origin: "gen1@test" });
  const { events, ...relaying } = options;
  const relay = stack.use(relayOf({ database, broker, results: config.results, ...relaying }));
  await relay.start();
  const beside = async (known: readonly Handler[]) => {
    const node = stack.use(
      new WorkerProcess({
        config,
        registry: new Registry(known.map(({ contract }) => contract)),
        handlers: new Handlers(known),
        ...(events && { events }),
        modules: MODULES,
        broker,
        database,
      }),
    );
    await node.start();
    return node;
  };
  const worker = await beside(handlers);

  const dead: Delivery[] = [];
  let reading: Promise<unknown> | undefined;
  return {
    broker,
    url: vhost.url,
    database,
    store,
    outbox,
    worker,
    beside,
    async submit(task, kwargs, { args = [], ...options } = {}) {
      const queue: string | undefined = options.queue ?? registry.get(task)?.queue;
      if (queue === undefined) throw new TypeError(`task ${task} has no queue`);
      const taskId = options.taskId ?? newId(new Date());
      await publisher.submit({ task, args, kwargs, options: { ...options, taskId, queue } });
      return taskId;
    },
    final: (id) =>
      eventually(`final state of ${id}`, async () => {
        const record = await store.find(id);
        return record && isFinal(record.state) ? record : undefined;
      }),
    async replaceQueue(queue) {
      await management(vhost.managementUrl, "DELETE", `/api/queues/${vhost.name}/${queue}`);
      await broker.declare(declarationFor("dev", [queue]));
    },
    async deadLetter() {
      reading ??= broker.consume(DEAD_QUEUE, (letter) => void dead.push(letter), { prefetch: 100 });
      await reading;
      const delivery = await eventually("a dead letter", () => dead.shift());
      delivery.ack();
      return delivery;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
