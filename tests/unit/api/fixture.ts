/** The API on parts that need no server. */
import { SYSTEM_CLOCK } from "../../../shared/runtime/clock.ts";
import { createApp } from "../../../api/app.ts";
import type { ApiDependencies, ApiSettings } from "../../../api/dependencies.ts";
import type { AuditEntry, AuditOutcome, CountedCalls } from "../../../api/access/audit_log.ts";
import { KeySnapshot } from "../../../api/access/key_snapshot.ts";
import { KeyStore } from "../../../api/access/key_store.ts";
import { AuditCounter } from "../../../api/access/audit_counter.ts";
import { BulkStore } from "../../../api/bulk/bulk_store.ts";
import { EventHub } from "../../../api/reading/event_hub.ts";
import { pendingRecord } from "../../../api/reading/record.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { type Canvas, steps } from "../../../shared/celery/canvas_tree.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { DatabaseUnavailable, InvalidInput } from "../../../shared/errors.ts";
import { brokerCheck, healthRoutes } from "../../../shared/telemetry/health.ts";
import { Metrics } from "../../../shared/telemetry/metrics.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Outbox, type OutboxEntry } from "../../../shared/outbox/outbox.ts";
import { EventContracts } from "../../../shared/events/event_contracts.ts";
import { EventStore } from "../../../shared/events/event_store.ts";
import { ReplayStore } from "../../../shared/events/replay_store.ts";
import { SubscriptionStore } from "../../../shared/events/subscription_store.ts";
import { CloudEventPublisher } from "../../../shared/events/cloud_event_publisher.ts";
import { PauseStore } from "../../../shared/flow/pause_store.ts";
import { Publisher } from "../../../shared/outbox/publisher.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import {
  isFinal,
  type PendingTask,
  type RecordFilter,
  type RecordPage,
  type State,
  type TaskRecord,
  type TaskSummary,
} from "../../../shared/results/result.ts";
import type { ListOptions } from "../../../shared/results/store.ts";
import type { Idempotency } from "../../../shared/results/idempotency.ts";
import { ScheduleStore } from "../../../shared/schedules/store.ts";
import { TaskRouter } from "../../../shared/outbox/task_router.ts";
import type { WorkflowListing, WorkflowPage } from "../../../shared/workflows/listing.ts";
import type { WorkflowRecord, Workflows } from "../../../shared/workflows/store.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";

/** Contracts that between them have everything the API looks at. */
export const CONTRACTS = [
  defineTask({
    name: "add",
    summary: "Adds two numbers",
    input: z.object({ x: z.number(), y: z.number() }),
    output: z.number(),
    example: { x: 2, y: 3 },
  }),
  defineTask({ name: "ping", input: z.object({}) }),
  defineTask({ name: "silent", input: z.object({}), ignoreResult: true }),
  defineTask({
    name: "text.shout",
    input: z.object({
      text: z.string().max(1000),
      times: z.int().min(1).optional(),
      tags: z.array(z.object({ word: z.string() })).optional(),
    }),
    queue: "celeriac.text",
    bodyLimit: 300,
  }),
  defineTask({ name: "loose", input: z.looseObject({ x: z.number() }) }),
];

/** Records in memory, with the rules of the real store that the API leans on. */
export class MemoryRecords {
  readonly records = new Map<string, TaskRecord>();
  reads = 0;
  /** Ids of each statement that read states. */
  readonly polled: string[][] = [];

  put(record: Partial<TaskRecord> & { id: string }): void {
    const now = new Date();
    this.records.set(record.id, { ...pendingRecord(record.id, now), submittedAt: now, ...record });
  }

  find(id: string): Promise<TaskRecord | undefined> {
    this.reads++;
    return Promise.resolve(this.records.get(id));
  }

  states(ids: readonly string[]): Promise<Map<string, State>> {
    this.polled.push([...ids]);
    const known = ids.filter((id) => this.records.has(id));
    return Promise.resolve(new Map(known.map((id) => [id, this.records.get(id)!.state])));
  }

  summaries(ids: readonly string[]): Promise<TaskSummary[]> {
    return Promise.resolve(ids.flatMap((id) => this.records.get(id) ?? []));
  }

  /** In the order of their insertion, as if that were newest first. */
  list(
    filter: RecordFilter,
    { limit, cursor = "0", oldestFirst = false }: ListOptions,
  ): Promise<RecordPage> {
    if (!/^\d+$/.test(cursor)) {
      throw new InvalidInput("Cannot read the cursor: use `next`", "cursor");
    }
    const all = [...this.records.values()].filter(({ name, state, queue }) =>
      (filter.name ?? name) === name && (filter.state ?? state) === state &&
      (filter.queue ?? queue) === queue
    );
    if (oldestFirst) all.reverse();
    const end = Number(cursor) + limit;
    const next = end < all.length ? String(end) : null;
    return Promise.resolve({ records: all.slice(Number(cursor), end), next });
  }

  revoke(id: string): Promise<{ revoked: boolean; state: string | null }> {
    const state = this.records.get(id)?.state ?? null;
    const revoked = state === null || (!isFinal(state) && state !== "STARTED");
    if (revoked) this.put({ ...this.records.get(id), id, state: "REVOKED" });
    return Promise.resolve({ revoked, state });
  }

  write(submission: PendingTask): void {
    if (!this.records.has(submission.id)) this.put({ ...submission, state: "PENDING" });
  }
}

class MemoryKeys implements Pick<Idempotency, "begin" | "published"> {
  readonly #keys = new Map<string, { id: string; bodyHash: string; published: boolean }>();

  begin(key: string, bodyHash: string, newId: string) {
    const known = this.#keys.get(key);
    if (known && known.bodyHash !== bodyHash) return Promise.resolve("mismatch" as const);
    const entry = known ?? { id: newId, bodyHash, published: false };
    this.#keys.set(key, entry);
    return Promise.resolve({ id: entry.id, fresh: !known, published: entry.published });
  }

  published(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#keys.get(key)!.published = true;
    return Promise.resolve();
  }
}

/** Whatever reaches the database fails: these tests need none. */
const nowhere = () =>
  Promise.reject(new DatabaseUnavailable("Cannot reach the database because there is none"));

const noDatabase = { query: nowhere, script: nowhere, transaction: nowhere };

/** Workflows that were started. They end, with `null`, when all records of their tasks are SUCCESS. */
export class MemoryWorkflows
  implements
    Pick<Workflows, "start" | "find" | "memberOf" | "workflowOf">,
    Pick<WorkflowListing, "list"> {
  readonly started = new Map<string, Canvas>();
  readonly #records: MemoryRecords;
  finds = 0;

  memberOf(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  workflowOf(taskId: string): Promise<string | undefined> {
    const [found] =
      [...this.started].find(([, canvas]) =>
        steps(canvas).some(({ options }) => options.taskId === taskId)
      ) ?? [];
    return Promise.resolve(found);
  }

  constructor(records: MemoryRecords) {
    this.#records = records;
  }

  start(id: string, canvas: Canvas): Promise<void> {
    if (!this.started.has(id)) this.started.set(id, canvas);
    return Promise.resolve();
  }

  find(id: string): Promise<WorkflowRecord | undefined> {
    this.finds++;
    const canvas = this.started.get(id);
    if (!canvas) return Promise.resolve(undefined);
    const tasks = steps(canvas).map(({ task, options }) => ({
      id: options.taskId!,
      name: task,
      state: this.#records.records.get(options.taskId!)?.state ?? "PENDING",
    }));
    const pending = tasks.flatMap((task) => isFinal(task.state) ? [] : [task.id]);
    return Promise.resolve({
      id,
      state: pending.length === 0 ? "SUCCESS" : "PENDING",
      result: null,
      exception: null,
      tasks,
      pending,
      canvas,
      createdAt: new Date(),
    });
  }

  async list(limit: number): Promise<WorkflowPage> {
    const found = await Promise.all([...this.started.keys()].map((id) => this.find(id)));
    const workflows = found.toReversed().slice(0, limit).map((record) => {
      const { id, state, createdAt, tasks } = record!;
      const names = [...new Set(tasks.map(({ name }) => name))];
      const done = tasks.filter((task) => isFinal(task.state)).length;
      return { id, state, createdAt, names, done, total: tasks.length };
    });
    return { workflows, next: null };
  }
}

/** The audit log in memory. */
export class MemoryAudit {
  readonly entries: (AuditEntry & Partial<AuditOutcome>)[] = [];
  readonly counted: CountedCalls[] = [];

  begin(entry: AuditEntry): Promise<string> {
    this.entries.push(entry);
    return Promise.resolve(String(this.entries.length));
  }

  end(id: string, outcome: AuditOutcome): Promise<void> {
    Object.assign(this.entries[Number(id) - 1]!, outcome);
    return Promise.resolve();
  }

  list(): Promise<[]> {
    return Promise.resolve([]);
  }

  addCounts(counted: readonly CountedCalls[]): Promise<void> {
    this.counted.push(...counted);
    return Promise.resolve();
  }
}

/** An API and all that stands behind it. */
export interface Fixture extends AsyncDisposable {
  readonly app: ReturnType<typeof createApp>;
  readonly broker: MemoryBroker;
  readonly hub: EventHub;
  readonly records: MemoryRecords;
  readonly outbox: OutboxEntry[];
  readonly workflows: MemoryWorkflows;
  readonly metrics: Metrics;
  readonly audit: MemoryAudit;
  readonly counter: AuditCounter;
  /** Messages that arrived in a queue so far. */
  published(queue?: string): Promise<Message[]>;
  /** POSTs JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}

/** Makes an API.
 *
 * @param settings those that differ
 * @param parts that take the place of the usual ones */
export async function createFixture(
  settings: Partial<ApiSettings> = {},
  parts: Partial<ApiDependencies> = {},
): Promise<Fixture> {
  const registry = new Registry(CONTRACTS);
  const broker = new MemoryBroker();
  await broker.start();
  const foreignQueues = ["celery"];
  const declaration = declarationFor("api", registry.queues);
  await broker.declare({
    ...declaration,
    queues: [...declaration.queues, { name: "celery", type: "classic" }],
  });
  const hub = new EventHub({ broker });
  await hub.start();
  hub.admit(); // it receives events from the start
  await hub.ready();
  const records = new MemoryRecords();
  const outbox: OutboxEntry[] = [];
  const metrics = new Metrics();
  const workflows = new MemoryWorkflows(records);
  const { clock = SYSTEM_CLOCK } = parts;
  const publisher = new Publisher({
    broker,
    outbox: { add: (entries) => Promise.resolve(outbox.push(...entries)) },
    origin: "gen1@test",
    clock,
  });
  const keys = new KeyStore({ database: noDatabase });
  const audit = new MemoryAudit();
  const counter = new AuditCounter({ audit });
  const app = createApp({
    registry,
    broker,
    hub,
    clock,
    metrics,
    store: records,
    submissions: {
      write: (task) => records.write(task),
      hold: (task) => records.write(task),
      find: () => undefined,
      settled: () => {},
    },
    access: { keys, snapshot: new KeySnapshot({ store: keys, clock }), audit, counter },
    idempotency: new MemoryKeys(),
    schedules: new ScheduleStore({ database: noDatabase }),
    deadLetters: new DeadLetters({
      database: noDatabase,
      outbox: { addFresh: nowhere },
      store: { reopen: nowhere, states: nowhere },
    }),
    failedTasks: { send: nowhere },
    routes: new TaskRouter(registry, []),
    workflows,
    workflowListing: workflows,
    publisher,
    outbox: new Outbox({ database: noDatabase }),
    events: {
      contracts: new EventContracts(),
      publisher: new CloudEventPublisher({ publisher }),
      subscriptions: { of: () => Promise.resolve([]) },
      store: new EventStore({ database: noDatabase }),
    },
    subscriptions: {
      store: new SubscriptionStore({ database: noDatabase }),
      replays: new ReplayStore({ database: noDatabase }),
      defined: [],
    },
    series: {
      store: { read: () => Promise.resolve([]) },
      depths: { read: () => Promise.resolve([]) },
    },
    bulk: { store: new BulkStore({ database: noDatabase }), started() {} },
    pauses: { store: new PauseStore({ database: noDatabase }), resumed() {} },
    health: healthRoutes({ live: [], ready: [brokerCheck(broker)], readyWhen: "any", metrics }),
    settings: {
      foreignQueues,
      resultCache: 100,
      maxWait: 60,
      batchLimit: 10,
      version: "1.2.3",
      ...settings,
    },
    ...parts,
  });
  return {
    app,
    broker,
    hub,
    records,
    outbox,
    workflows,
    metrics,
    audit,
    counter,
    published: (queue = "celeriac.default") => drain(broker, queue),
    post: async (path, body, headers = {}) =>
      await app.request(path, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: { "content-type": "application/json", ...headers },
      }),
    async [Symbol.asyncDispose]() {
      await hub.stop();
      await broker.stop();
    },
  };
}

/** Takes whatever is in a queue: everything published and confirmed before the call. */
async function drain(broker: MemoryBroker, queue: string): Promise<Message[]> {
  const found: Message[] = [];
  const marker = {
    exchange: "",
    routingKey: queue,
    properties: { type: "end" },
    headers: {},
    body: new Uint8Array(),
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  const subscription = await broker.consume(queue, (delivery) => {
    if (delivery.message.properties.type === "end") resolve();
    else found.push(delivery.message);
    delivery.ack();
  }, { prefetch: 1000 });
  await broker.publish(marker);
  await promise;
  await subscription.close();
  return found;
}
