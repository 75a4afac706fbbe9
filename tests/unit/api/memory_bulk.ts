import type { BulkJob } from "../../../api/bulk/bulk_job.ts";
import type { BulkParts } from "../../../api/actions/bulk_actions.ts";
import type { BulkStore } from "../../../api/bulk/bulk_store.ts";

/** Bulk jobs in memory. */
export class MemoryBulk implements BulkParts {
  readonly all = new Map<string, BulkJob>();
  starts = 0;
  readonly store: Pick<
    BulkStore,
    "add" | "find" | "list" | "stop" | "claim" | "advance" | "postpone"
  > = {
    add: (job) => {
      const stored = this.all.get(job.id) ?? { ...job, ...FRESH, createdAt: new Date() };
      this.all.set(job.id, stored);
      return Promise.resolve(stored);
    },
    find: (id) => Promise.resolve(this.all.get(id)),
    list: (caller) =>
      Promise.resolve(
        [...this.all.values()].filter((job) => caller === null || job.caller.id === caller),
      ),
    stop: (id, stopped) => {
      const job = this.all.get(id);
      if (!job || job.endedAt !== null) return Promise.resolve(undefined);
      return Promise.resolve(this.#put({ ...job, endedAt: new Date(), stopped }));
    },
    claim: () => Promise.resolve([...this.all.values()].find(({ endedAt }) => endedAt === null)),
    advance: ({ id }, { next, done, refusals }) => {
      const job = this.all.get(id)!;
      if (job.endedAt !== null && job.stopped === null) return Promise.resolve();
      this.#put({
        ...job,
        position: next,
        done: job.done + done,
        refused: job.refused + refusals.length,
        refusals: [...job.refusals, ...refusals],
        endedAt: job.endedAt ?? (next === null ? new Date() : null),
      });
      return Promise.resolve();
    },
    postpone: () => Promise.resolve(),
  };

  readonly started = (): void => void this.starts++;

  #put(job: BulkJob): BulkJob {
    this.all.set(job.id, job);
    return job;
  }
}

const FRESH = {
  position: null,
  done: 0,
  refused: 0,
  refusals: [],
  endedAt: null,
  stopped: null,
} as const;
