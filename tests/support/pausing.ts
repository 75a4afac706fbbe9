/** What pauses, series and stops must do in a running worker. One suite, run against each broker and database. */
import { assertEquals } from "@std/assert";
import { ParkedRelease } from "../../api/parked_release.ts";
import type { Broker } from "../../shared/broker/broker.ts";
import { declarationFor } from "../../shared/broker/topology.ts";
import { loadConfig } from "../../shared/config/config.ts";
import { Registry } from "../../shared/contracts/registry.ts";
import type { Database } from "../../shared/database/database.ts";
import type { PauseKey } from "../../shared/flow/pause.ts";
import { PauseStore } from "../../shared/flow/pause_store.ts";
import { defineTask, z } from "../../shared/mod.ts";
import { Outbox } from "../../shared/outbox/outbox.ts";
import { Publisher } from "../../shared/outbox/publisher.ts";
import type { Relay } from "../../shared/outbox/relay.ts";
import { resultStore } from "../../shared/results/open_store.ts";
import { newId } from "../../shared/results/uuid_time.ts";
import type { PostgresResultStore } from "../../shared/results/postgres.ts";
import { total } from "../../shared/series/histogram.ts";
import { SeriesStore } from "../../shared/series/series_store.ts";
import { handle, Handlers } from "../../workers/handlers.ts";
import { WorkerProcess } from "../../workers/main.ts";
import { eventually } from "./eventually.ts";
import { relayOf } from "./relay.ts";

/** Servers of one test. */
export interface PausingServers {
  readonly broker: Broker;
  readonly database: Database;
}

const QUEUE = "celeriac.default";
const TASK: PauseKey = { scope: "task", name: "mail" };
const BY = { reason: "test", by: "root" };
/** Milliseconds after which every worker has read a pause. */
const NOTICED_MS = 1500;
/** Milliseconds after which a stopped worker has deleted the rows of its tasks. */
const RELEASED_MS = 100;

/** The app of one test, with one worker at a time. */
class PausedApp {
  readonly ran: string[] = [];
  /** Runs of `hold` wait for it. */
  readonly opened = Promise.withResolvers<void>();
  readonly pauses: PauseStore;
  readonly store: PostgresResultStore;
  readonly outbox: Outbox;
  readonly release: ParkedRelease;
  readonly #publisher: Publisher;
  readonly #relay: Relay;
  readonly #handlers;

  constructor(readonly servers: PausingServers) {
    const { broker, database } = servers;
    this.pauses = new PauseStore({ database });
    this.outbox = new Outbox({ database });
    this.store = resultStore("native", database);
    this.#publisher = new Publisher({ broker, outbox: this.outbox, origin: "gen1@test" });
    this.release = new ParkedRelease({ store: this.pauses, released() {} });
    this.#relay = relayOf({ database, broker });
    const input = z.object({ n: z.number() });
    const note = (name: string) => ({ n }: { n: number }) => void this.ran.push(`${name} ${n}`);
    this.#handlers = [
      handle(defineTask({ name: "mail", input }), note("mail")),
      handle(defineTask({ name: "add", input }), note("add")),
      handle(defineTask({ name: "hold", input }), async ({ n }) => {
        note("hold")({ n });
        await this.opened.promise;
      }),
    ];
  }

  async start(): Promise<void> {
    const { broker } = this.servers;
    await broker.declare(declarationFor("dev", [QUEUE]));
    await this.#relay.start();
    await this.release.start();
  }

  async worker(flags: Record<string, string> = {}): Promise<WorkerProcess> {
    const worker = this.idleWorker(flags);
    await worker.start();
    return worker;
  }

  /** A worker that is not started. */
  idleWorker(flags: Record<string, string> = {}): WorkerProcess {
    return new WorkerProcess({
      config: loadConfig("worker", {
        flags: { processes: "1", grace: "5", concurrency: "1", ...flags },
        env: () => undefined,
      }),
      registry: new Registry(this.#handlers.map(({ contract }) => contract)),
      handlers: new Handlers(this.#handlers),
      modules: {
        contracts: import.meta.resolve("../app/contracts.ts"),
        handlers: import.meta.resolve("../app/handlers.ts"),
      },
      ...this.servers,
    });
  }

  async submit(task: string, n: number, taskId = newId(new Date())): Promise<string> {
    await this.#publisher.submit({
      task,
      args: [],
      kwargs: { n },
      options: { taskId, queue: QUEUE },
    });
    return taskId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.opened.resolve();
    await this.release.stop();
    await this.#relay.stop();
    await sleep(RELEASED_MS);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Registers the suite.
 *
 * @param name of the servers
 * @param open starts the broker, and creates a migrated database */
export function testPausing(
  name: string,
  open: () => Promise<PausingServers & AsyncDisposable>,
): void {
  for (const [title, test] of Object.entries(CASES)) {
    Deno.test(`${name}: ${title}`, async () => {
      await using servers = await open();
      await using app = new PausedApp(servers);
      await app.start();
      await test(app);
    });
  }
}

const CASES: Record<string, (app: PausedApp) => Promise<void>> = {
  async "messages of a paused task are parked by a worker that starts later, and run after the resume"(
    app,
  ) {
    await app.pauses.pause(TASK, BY);
    await using _worker = await app.worker();
    const ids = [await app.submit("mail", 1), await app.submit("mail", 2)];
    await app.submit("add", 3);
    await eventually("parked messages", async () => (await app.pauses.find(TASK))?.parked === 2);
    await eventually("the other task", () => app.ran.length > 0);
    assertEquals(app.ran, ["add 3"]);
    assertEquals((await app.store.find(ids[0]!))?.state ?? "PENDING", "PENDING");

    await app.pauses.resume(TASK, { rate: null });
    app.release.wake();
    await eventually("both runs", () => app.ran.length === 3);
    assertEquals(app.ran.toSorted(), ["add 3", "mail 1", "mail 2"]);
    await eventually("the end of the pause", async () => (await app.pauses.list()).length === 0);
    await eventually("an empty outbox", async () => (await app.outbox.depth()).total === 0);
  },

  async "a paused queue is not consumed; fetched messages are parked and running tasks finished"(
    app,
  ) {
    await using worker = await app.worker();
    await app.submit("hold", 0);
    await eventually("a running task", () => app.ran.length === 1);
    await app.submit("add", 1); // fetched, waits for the slot
    await app.pauses.pause({ scope: "queue", name: QUEUE }, BY);
    await sleep(NOTICED_MS);
    assertEquals((await worker.health().request("/readyz")).status, 200);
    await app.submit("add", 2); // stays in the queue
    app.opened.resolve();
    const key: PauseKey = { scope: "queue", name: QUEUE };
    await eventually("a parked message", async () => (await app.pauses.find(key))?.parked === 1);
    await sleep(200);
    assertEquals(app.ran, ["hold 0"]);

    await app.pauses.resume(key, { rate: null });
    app.release.wake();
    await eventually("both runs", () => app.ran.length === 3);
    assertEquals(app.ran.toSorted(), ["add 1", "add 2", "hold 0"]);
  },

  async "the queue of a paused task is not consumed while too many messages are parked"(app) {
    await app.pauses.pause(TASK, BY);
    await using worker = await app.worker({ parkMax: "2" });
    await Promise.all([1, 2, 3].map((n) => app.submit("mail", n)));
    await eventually("parked messages", async () => (await app.pauses.find(TASK))?.parked === 3);
    await sleep(NOTICED_MS);
    assertEquals((await worker.health().request("/readyz")).status, 200);
    await app.submit("mail", 4);
    await app.submit("add", 5);
    await sleep(NOTICED_MS);
    assertEquals([(await app.pauses.find(TASK))?.parked, app.ran], [3, []]);

    await app.pauses.resume(TASK, { rate: null });
    app.release.wake();
    await eventually("all runs", () => app.ran.length === 5);
    assertEquals(app.ran.toSorted(), ["add 5", "mail 1", "mail 2", "mail 3", "mail 4"]);
  },

  async "a stopped worker has written the counts of its tasks"(app) {
    const worker = await app.worker();
    await app.submit("add", 1);
    await eventually("the run", () => app.ran.length === 1);
    await worker.stop();
    const store = new SeriesStore({ database: app.servers.database });
    const now = Date.now();
    const [series] = await store.read({
      since: new Date(now - 3_600_000),
      until: new Date(now + 3_600_000),
      step: 7200,
      task: "add",
      queue: QUEUE,
    }, 10);
    assertEquals([series?.succeeded, series && total(series.runs), series && total(series.waits)], [
      1,
      1,
      1,
    ]);
  },

  async "a worker that is stopped while it starts leaves nothing running"(app) {
    await using worker = app.idleWorker();
    const starting = worker.start();
    await worker.stop();
    await starting;
    await worker.start();
    await app.submit("add", 1);
    await sleep(RELEASED_MS);
    assertEquals(app.ran, []);
    assertEquals(await app.servers.database.query("select node from celeriac.worker"), []);
  },

  async "a parked task that is revoked ends as REVOKED during the pause"(app) {
    await app.pauses.pause(TASK, BY);
    await using _worker = await app.worker();
    const id = await app.submit("mail", 1);
    await eventually("a parked message", async () => (await app.pauses.find(TASK))?.parked === 1);
    await app.store.revoke(id, "revoked");
    await app.outbox.hasten([id]);
    await eventually("an empty outbox", async () => (await app.outbox.depth()).total === 0);
    assertEquals([(await app.store.find(id))?.state, app.ran], ["REVOKED", []]);
  },
};
