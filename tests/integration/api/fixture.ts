/** The API as it is run, on servers of its own, and a worker that the test plays by hand. */
import { Api, type ApiParts } from "../../../api/main.ts";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { encodeEvents } from "../../../shared/celery/event.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import type { TaskMessage } from "../../../shared/celery/task_message.ts";
import { replyMessage } from "../../../shared/celery/result.ts";
import { loadConfig } from "../../../shared/config/config.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import type { TaskEvent } from "../../../shared/telemetry/events.ts";
import { defineTask, type TaskContract, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import type { Settlement, TaskRecord } from "../../../shared/results/result.ts";
import type { SettingKey } from "../../../shared/config/settings.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { eventually } from "../../support/eventually.ts";
import { Inbox } from "../../support/inbox.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { freshVhost, management, type Vhost } from "../../support/servers.ts";

/** Contracts of the tests. */
export const CONTRACTS = [
  defineTask({
    name: "add",
    summary: "Adds two numbers",
    input: z.object({ x: z.number(), y: z.number() }),
    output: z.number(),
    example: { x: 2, y: 3 },
  }),
  defineTask({ name: "ping", input: z.object({}) }),
];

const QUEUE = "celeriac.default";
const WORKER = "celeriac@by-hand";

/** What a test needs. */
export interface Fixture extends AsyncDisposable {
  readonly url: string;
  readonly api: Api;
  readonly vhost: Vhost;
  /** The API's own connection. */
  readonly own: AmqpBroker;
  /** The worker's. */
  readonly broker: AmqpBroker;
  readonly database: PostgresDatabase;
  readonly store: PostgresResultStore;
  /** POSTs JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Takes the next message of the queue. */
  take(): Promise<TaskMessage>;
  /** Messages that wait in a queue, as the broker counts them. */
  waiting(queue?: string): Promise<number>;
  /** Writes an outcome as a worker does. */
  settle(task: Pick<TaskMessage, "id">, outcome: Partial<Settlement>): Promise<void>;
  /** Replies as a worker does. */
  reply(task: TaskMessage, result: string): Promise<void>;
  /** Tells events as a worker does. */
  announce(...events: TaskEvent[]): Promise<void>;
  /** The record, once there is one that passes. */
  record(id: string, passes?: (record: TaskRecord) => boolean): Promise<TaskRecord>;
}

/** Starts one.
 *
 * @param flags settings of the API, as on a command line
 * @param app its events and subscriptions; default none. Its tasks; default {@linkcode CONTRACTS} */
export async function createFixture(
  flags: Partial<Record<SettingKey, string>> = {},
  app: Pick<ApiParts, "events" | "subscriptions"> & { readonly contracts?: TaskContract[] } = {},
): Promise<Fixture> {
  const stack = new AsyncDisposableStack();
  const vhost = stack.use(await freshVhost());
  const { url: databaseUrl } = stack.use(await freshMigrated());
  const database = stack.use(new PostgresDatabase({ url: databaseUrl, name: "api" }));
  await database.start();
  const own = stack.use(new AmqpBroker({ url: vhost.url, name: "api" }));
  const broker = stack.use(new AmqpBroker({ url: vhost.url, name: "by hand" }));
  await Promise.all([own.start(), broker.start(), own.connected(), broker.connected()]);
  const { contracts = CONTRACTS, ...events } = app;
  const registry = new Registry(contracts);
  await broker.declare(declarationFor("dev", registry.queues));
  const config = loadConfig("api", { flags: { port: "0", ...flags }, env: () => undefined });
  const api = stack.use(new Api({ config, registry, ...events, broker: own, database }));
  await api.start();

  const store = new PostgresResultStore({ database });
  const node = { hostname: WORKER, pid: 1, clock: () => 1 };
  const inbox = new Inbox<Message>();
  let consuming: Promise<unknown> | undefined;
  return {
    url: api.url,
    api,
    vhost,
    own,
    broker,
    database,
    store,
    post: (path, body, headers = {}) =>
      fetch(api.url + path, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: { "content-type": "application/json", ...headers },
      }),
    async take() {
      consuming ??= broker.consume(QUEUE, (delivery) => {
        delivery.ack();
        inbox.put(delivery.message);
      }, { prefetch: 100 });
      await consuming;
      return decodeTask(await inbox.next());
    },
    async waiting(queue = QUEUE) {
      const path = `/api/queues/${encodeURIComponent(vhost.name)}/${queue}/get`;
      const request = { count: 20_000, ackmode: "ack_requeue_true", encoding: "auto", truncate: 1 };
      return (await management(vhost.managementUrl, "POST", path, request) as unknown[]).length;
    },
    async settle({ id }, outcome) {
      const bare = {
        argsRepr: null,
        kwargsRepr: null,
        result: null,
        exception: null,
        traceback: null,
      };
      const rest = { retries: 0, startedAt: new Date(), next: null };
      await store.settle([{
        id,
        name: "add",
        queue: QUEUE,
        worker: WORKER,
        state: "SUCCESS",
        ...bare,
        ...rest,
        ...outcome,
      }]);
    },
    async reply({ id, replyTo }, result) {
      const meta = {
        id,
        state: "SUCCESS",
        result,
        exception: null,
        traceback: null,
        finishedAt: new Date(),
      };
      await broker.publish(replyMessage(meta, { replyTo: replyTo! }), { mandatory: false });
    },
    announce: (...events) =>
      broker.publish(encodeEvents(events.map((event) => ({ event, timestamp: 1 })), node), {
        mandatory: false,
      }),
    record: (id, passes = () => true) =>
      eventually(`the record of ${id}`, async () => {
        const record = await store.find(id);
        return record && passes(record) ? record : undefined;
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
