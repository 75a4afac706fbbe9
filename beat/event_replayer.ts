/** Sends the tasks of replays, in steps: each survives a restart, and the time between two of them keeps the rate.
 *
 * A step publishes its tasks before it advances the replay. After a crash in between, the next process sends tasks with the same ids.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { matchesTopic } from "../shared/broker/routing.ts";
import type { Database, Sql } from "../shared/database/database.ts";
import type { DeadLetter } from "../shared/dead_letters/letter.ts";
import { DatabaseUnavailable, InvalidInput } from "../shared/errors.ts";
import { toEventMessage } from "../shared/events/amqp.ts";
import {
  EVENT_PAGE_BYTES,
  EventStore,
  isCut,
  type RecordedEvent,
} from "../shared/events/event_store.ts";
import { ReplayStore, type StoredReplay } from "../shared/events/replay_store.ts";
import { selects } from "../shared/events/selection.ts";
import { type StoredSubscription, SubscriptionStore } from "../shared/events/subscription_store.ts";
import type { OutboxEntry } from "../shared/outbox/outbox.ts";
import type { PreparedTask } from "../shared/outbox/prepared_task.ts";
import type { PendingTask } from "../shared/results/result.ts";
import { backoffMs } from "../shared/runtime/backoff.ts";
import { Loop } from "../shared/runtime/loop.ts";
import type { Service } from "../shared/runtime/service.ts";
import { taskLetter } from "./event_task_sender.ts";
import { eventTask } from "./event_tasks.ts";

/** Options of {@linkcode EventReplayer}. */
export interface EventReplayerOptions {
  readonly database: Database;
  readonly publisher: {
    send(entry: OutboxEntry, options: { patient: boolean }): Promise<"broker" | "outbox">;
  };
  readonly letters: { add(letters: readonly DeadLetter[], sql: Sql): Promise<void> };
  /** The sender in Celery's format, `gen<pid>@<host>`. */
  readonly origin: string;
  /** Called with each task. */
  sent(task: PendingTask): void;
}

/** Number of events after which a step ends, and maximum of tasks that it sends. */
const PAGE = 100;

/** Seconds after which another process takes over the step of a process that died. */
const LEASE_SECONDS = 10;

/** Milliseconds before a failed step is tried again: doubled after each failure. */
const RETRY = { firstMs: 1000, maxMs: 300_000 };

/** Maximum milliseconds before a new replay is noticed. */
const IDLE_MS = 1000;

/** An event of a step, and the task that it becomes. */
interface Replayed {
  readonly recorded: RecordedEvent;
  readonly task?: PreparedTask;
  readonly letter?: DeadLetter;
}

/** Runs the steps of all replays. Several processes share them. */
export class EventReplayer implements Service {
  readonly #options: EventReplayerOptions;
  readonly #replays: ReplayStore;
  readonly #loop: Loop;

  constructor(options: EventReplayerOptions) {
    this.#options = options;
    this.#replays = new ReplayStore(options);
    this.#loop = new Loop({ name: "replayer", round: () => this.#round() });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #round(): Promise<number> {
    const replay = await this.#replays.claim(LEASE_SECONDS);
    if (replay) {
      try {
        await this.#step(replay);
      } catch (error) {
        // While the database is away nothing can be counted: the step is due again after its lease.
        if (error instanceof DatabaseUnavailable) throw error;
        await this.#postpone(replay, error);
      }
    }
    const ms = await this.#replays.nextDueMs() ?? IDLE_MS;
    return Math.min(Math.max(ms, 0), IDLE_MS);
  }

  /** Other replays continue meanwhile. */
  async #postpone({ id, subscription, failures }: StoredReplay, error: unknown): Promise<void> {
    const seconds = backoffMs(failures + 1, RETRY) / 1000;
    log.error(
      "Cannot continue replay {id} to subscription {subscription} after {failures} failures, trying again in {seconds} s: {error}",
      { id, subscription, failures: failures + 1, seconds, error },
    );
    const reason = error instanceof Error ? error.message : String(error);
    await this.#replays.postpone(id, { seconds, error: reason });
  }

  async #step(replay: StoredReplay): Promise<void> {
    const { database, publisher, letters, sent } = this.#options;
    const subscription = await new SubscriptionStore({ database }).find(replay.subscription);
    // Its replays were removed with it.
    if (!subscription) return;
    const { events, position } = await this.#next(replay, subscription);
    const replayed = events.map((recorded) => this.#prepare(recorded, replay, subscription));
    await Promise.all(
      replayed.map(({ task }) => task && publisher.send(task.entry, { patient: true })),
    );
    const tasks = replayed.filter(({ task }) => task !== undefined);
    const wrong = replayed.flatMap(({ letter }) => letter ?? []);
    await database.transaction(async (sql) => {
      if (wrong.length > 0) await letters.add(wrong, sql);
      if (!replay.again) {
        await new EventStore({ database: sql }).addTasks(
          subscription.name,
          tasks.map(({ recorded: { key }, task }) => ({ key, id: task!.task.id })),
        );
      }
      await new ReplayStore({ database: sql }).advance({
        id: replay.id,
        position,
        sent: tasks.length,
        pause: events.length / replay.rate,
      });
    });
    for (const { task } of tasks) sent(task!.task);
    if (position < replay.lastPosition) return;
    log.info("Replay {id} to subscription {subscription} ended after {sent} tasks", {
      id: replay.id,
      subscription: subscription.name,
      sent: replay.sent + tasks.length,
    });
  }

  /** The next events of a replay, no more than its rate allows at once, and the position up to which none is left. It reads little more
   * than it sends: a slow replay would otherwise read the same events in each step. */
  async #next(
    replay: StoredReplay,
    subscription: StoredSubscription,
  ): Promise<{ events: RecordedEvent[]; position: number }> {
    const store = new EventStore(this.#options);
    const most = Math.max(1, Math.min(PAGE, Math.floor(replay.rate / 10)));
    const limit = Math.min(PAGE, 2 * most);
    const events: RecordedEvent[] = [];
    let [position, seen, bytes] = [replay.position, 0, 0];
    while (seen < PAGE && bytes < EVENT_PAGE_BYTES) {
      const page = await store.after(position, { limit });
      for (const recorded of page) {
        if (recorded.position > replay.lastPosition) break;
        position = recorded.position;
        seen++;
        bytes += recorded.bytes;
        if (isWanted(recorded, replay, subscription)) events.push(recorded);
        if (events.length === most) return { events, position };
      }
      const isLast = page.length < limit && !isCut(page);
      if (isLast || page.at(-1)!.position > replay.lastPosition) {
        return { events, position: replay.lastPosition };
      }
    }
    return { events, position };
  }

  #prepare(
    recorded: RecordedEvent,
    { id, again }: StoredReplay,
    subscription: StoredSubscription,
  ): Replayed {
    const { origin } = this.#options;
    const replay = again ? id : "";
    try {
      const task = eventTask(recorded, subscription, { origin, now: new Date(), replay });
      return { recorded, task };
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      const { key, event } = recorded;
      const letter = { message: toEventMessage(event, key) };
      const { name } = subscription;
      return { recorded, letter: taskLetter({ key, name, letter, why: error.message, replay }) };
    }
  }
}

function isWanted(
  { event, tasks }: RecordedEvent,
  { types, again }: StoredReplay,
  subscription: StoredSubscription,
): boolean {
  if (!again && Object.hasOwn(tasks, subscription.name)) return false;
  if (types.length > 0 && !types.some((type) => matchesTopic(type, event.type))) return false;
  return selects(subscription, event);
}

const log = getLogger(["celeriac", "events"]);
