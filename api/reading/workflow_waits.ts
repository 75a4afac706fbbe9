/** Waits for workflows: the callers of one workflow share its reads. */
import { isFinal } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import { pause, unlessAborted } from "../../shared/runtime/waits.ts";
import type { WorkflowRecord, Workflows } from "../../shared/workflows/store.ts";
import type { EventHub } from "./event_hub.ts";
import { SharedReads } from "./shared_reads.ts";
import type { StatePolling } from "./state_polling.ts";

/** Events after which a task has ended. */
const ENDINGS: ReadonlySet<string> = new Set([
  "task-succeeded",
  "task-failed",
  "task-revoked",
  "task-rejected",
]);

/** Minimum milliseconds between the later reads of one workflow: a large group ends in many steps. */
const PAUSE_MS = 250;

/** Number of unfinished tasks that are followed at the same time. */
const FOLLOWED = 100;

/** Dependencies of {@linkcode WorkflowWaits}. */
export interface WorkflowWaitsOptions {
  readonly workflows: Pick<Workflows, "find">;
  readonly store: Pick<ResultStore, "states">;
  readonly hub: EventHub;
  readonly polling: StatePolling;
}

/** A workflow that callers wait for. */
interface Watched {
  callers: number;
  readonly over: AbortController;
  /** The first read. */
  readonly first: Promise<WorkflowRecord | undefined>;
  /** Resolves with the final record, and with the last one when the last caller has left. */
  readonly ended: Promise<WorkflowRecord | undefined>;
}

/** Reads and awaits workflows. A workflow is read again only after its last tasks have ended, which events and polling report. */
export class WorkflowWaits {
  readonly #options: WorkflowWaitsOptions;
  readonly #finds: SharedReads<WorkflowRecord | undefined>;
  readonly #watched = new Map<string, Watched>();

  constructor(options: WorkflowWaitsOptions) {
    this.#options = options;
    this.#finds = new SharedReads((id) => options.workflows.find(id));
  }

  /** Reads a workflow now.
   *
   * @throws {DatabaseUnavailable} */
  find(id: string): Promise<WorkflowRecord | undefined> {
    return this.#finds.read(id);
  }

  /** Resolves with the final record; with the current one when the signal aborts; with `undefined` if there is none.
   *
   * @param owner who waits, for its share of the places
   * @throws {Unavailable} above the limit of waiting callers
   * @throws {DatabaseUnavailable} */
  async wait(
    id: string,
    signal: AbortSignal,
    owner?: string,
  ): Promise<WorkflowRecord | undefined> {
    const watched = this.#join(id);
    try {
      const record = await watched.first;
      if (!record || isFinal(record.state)) return record;
      using _admitted = this.#options.hub.admit(owner);
      return await unlessAborted(watched.ended, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#leave(id, watched);
    }
    return await this.find(id);
  }

  #join(id: string): Watched {
    const known = this.#watched.get(id);
    if (known) {
      known.callers++;
      return known;
    }
    const over = new AbortController();
    const first = this.find(id);
    const ended = this.#watch(id, first, over.signal);
    const watched: Watched = { callers: 1, over, first, ended };
    this.#watched.set(id, watched);
    const forget = () => {
      if (this.#watched.get(id) === watched) this.#watched.delete(id);
    };
    ended.then(forget, forget);
    return watched;
  }

  #leave(id: string, watched: Watched): void {
    if (--watched.callers > 0) return;
    watched.over.abort();
    if (this.#watched.get(id) === watched) this.#watched.delete(id);
  }

  async #watch(
    id: string,
    first: Promise<WorkflowRecord | undefined>,
    signal: AbortSignal,
  ): Promise<WorkflowRecord | undefined> {
    let record = await first;
    for (let isSecond = true; record && !isFinal(record.state) && !signal.aborted;) {
      const readAt = performance.now();
      await this.#tasksEnded(record.pending.slice(-FOLLOWED), signal);
      if (!isSecond) await pause(readAt + PAUSE_MS - performance.now(), signal);
      if (signal.aborted) break;
      isSecond = false;
      record = await this.find(id);
    }
    return record;
  }

  /** Resolves when all these tasks have ended, or when the signal aborts.
   *
   * @throws {DatabaseUnavailable} */
  async #tasksEnded(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const { hub, polling, store } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const running = new Set(ids);
    const end = (id: string) => {
      if (running.delete(id) && running.size === 0) resolve();
    };
    using subscriptions = new DisposableStack();
    for (const id of ids) {
      subscriptions.use(hub.follow(id, ({ type }) => ENDINGS.has(type) && end(id)));
      subscriptions.use(polling.follow(id, (state, error) => {
        if (error) reject(error);
        else if (state !== undefined && isFinal(state)) end(id);
      }));
    }
    // Tasks that ended after the workflow was read and before the subscription.
    store.states(ids).then((states) => {
      for (const [id, state] of states) if (isFinal(state)) end(id);
    }, reject);
    await unlessAborted(promise, signal).catch((error) => {
      if (!signal.aborted) throw error;
    });
  }
}
