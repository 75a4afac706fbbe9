/** Runs bulk jobs in steps: each survives a restart, and several processes share the jobs. */
import { Loop } from "../../shared/runtime/loop.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Service } from "../../shared/runtime/service.ts";
import type { KeySnapshot } from "../access/key_snapshot.ts";
import { type BulkChangeParts, changeTask } from "./bulk_changes.ts";
import type { BulkJob, Refusal } from "./bulk_job.ts";
import { BulkSelection, type SelectionStore } from "./bulk_selection.ts";
import type { BulkStore } from "./bulk_store.ts";

/** Options of a {@linkcode BulkRunner}. */
export interface BulkRunnerOptions extends BulkChangeParts {
  readonly jobs: Pick<BulkStore, "claim" | "advance" | "postpone" | "stop">;
  readonly store: SelectionStore & BulkChangeParts["store"];
  /** Valid keys: a job ends with the key that started it. */
  readonly keys: Pick<KeySnapshot, "find">;
  readonly clock: Clock;
}

/** Records of one step. */
const PAGE = 50;

/** Tasks that are changed at once: leaves most connections to requests. */
const AT_ONCE = 4;

/** Seconds after which another process takes over the step of a process that died. */
const LEASE_SECONDS = 30;

/** Seconds before a failed step is repeated. */
const RETRY_SECONDS = 2;

/** Maximum milliseconds before a new job of another process is noticed. */
const IDLE_MS = 1000;

/** Runs the steps of all jobs. */
export class BulkRunner implements Service {
  readonly #options: BulkRunnerOptions;
  readonly #loop: Loop;

  constructor(options: BulkRunnerOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: "bulk jobs",
      round: async () => await this.step() ? 0 : IDLE_MS,
    });
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

  /** Runs a step now. */
  wake(): void {
    this.#loop.wake();
  }

  /** Runs one step of one job.
   *
   * @returns whether a job was due */
  async step(): Promise<boolean> {
    const { jobs } = this.#options;
    const job = await jobs.claim(LEASE_SECONDS);
    if (!job) return false;
    try {
      if (await this.#isEntitled(job)) await this.#step(job);
      else await jobs.stop(job.id, "the key or token that started it is no longer valid");
    } catch (error) {
      await jobs.postpone(job.id, RETRY_SECONDS);
      throw error;
    }
    return true;
  }

  async #step(job: BulkJob): Promise<void> {
    const { jobs, store } = this.#options;
    const { records, next } = await new BulkSelection(job.filter, job).read(
      store,
      job.position,
      PAGE,
    );
    const refusals: Refusal[] = [];
    let done = 0;
    const change = async (id: string) => {
      const reason = await changeTask(this.#options, job, id);
      if (reason === undefined) done++;
      else if (reason !== null) refusals.push({ id, reason });
    };
    for (let start = 0; start < records.length; start += AT_ONCE) {
      await Promise.all(records.slice(start, start + AT_ONCE).map(({ id }) => change(id)));
    }
    await jobs.advance(job, { next, done, refusals });
  }

  /** Whether the caller still has its rights. */
  async #isEntitled({ caller }: BulkJob): Promise<boolean> {
    const now = this.#options.clock.now();
    if (caller.rights.expiresAt !== null && caller.rights.expiresAt <= now) return false;
    if (!caller.id.startsWith("key:")) return true;
    const key = await this.#options.keys.find(caller.id.slice("key:".length));
    return key !== undefined && key.revokedAt === null &&
      (key.expiresAt === null || key.expiresAt > now);
  }
}
