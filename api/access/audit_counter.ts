/** Counts calls for the audit log whose number has no bound: submissions and refused calls. A row for each would let a client double
 * the writes of the API, or fill its database. */
import type { Service } from "../../shared/runtime/service.ts";
import { Loop } from "../../shared/runtime/loop.ts";
import type { Caller } from "./caller.ts";
import type { AuditLog, CountedCalls } from "./audit_log.ts";

/** Milliseconds between two writes. */
const FLUSH_MS = 10_000;

/** Kinds of calls that are counted with target and address between two writes. */
const KINDS_MAX = 5000;

/** Id in the log for calls without valid credentials. */
export const NOBODY: Pick<Caller, "id" | "name"> = {
  id: "unauthenticated",
  name: "unauthenticated",
};

/** Scopes of calls that add tasks or events. */
export type Submission = "tasks:submit" | "events:publish";

/** A call that was answered 401, 403 or 429. */
export interface RefusedCall {
  readonly caller: Pick<Caller, "id" | "name">;
  /** The scope that the route requires. */
  readonly action: string;
  readonly status: number;
  /** Address of the TCP peer. */
  readonly address: string | null;
}

/** Mutable counts of one kind. */
type Counted = { -readonly [Key in keyof CountedCalls]: CountedCalls[Key] };

/** Adds one row per caller, task or event type and 10 s to the audit log, and one per caller, scope, status, address and 10 s for refused
 * calls. Beyond 5,000 kinds, target and address are left out. Counts stay in memory while the database is away. */
export class AuditCounter implements Service {
  readonly #audit: Pick<AuditLog, "addCounts">;
  readonly #loop: Loop;
  #counts = new Map<string, Counted>();
  /** The last counted submission, if `#counts` has it. */
  #last: Counted | undefined;

  constructor({ audit }: { audit: Pick<AuditLog, "addCounts"> }) {
    this.#audit = audit;
    this.#loop = new Loop({
      name: "audit",
      round: async () => {
        await this.flush();
        return FLUSH_MS;
      },
      recoveryMs: FLUSH_MS,
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.flush().catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Counts accepted tasks or events.
   *
   * @param target name of the task, or type of the event */
  add(
    { id: caller, name: callerName }: Caller,
    target: string,
    action: Submission = "tasks:submit",
  ): void {
    // A batch adds many tasks of one name: they need no key.
    const last = this.#last;
    if (last?.caller === caller && last.target === target && last.action === action) {
      last.count++;
      return;
    }
    this.#last = this.#count({
      caller,
      callerName,
      action,
      target,
      status: null,
      address: null,
      count: 1,
    });
  }

  /** Counts a refused call. */
  refuse({ caller, action, status, address }: RefusedCall): void {
    this.#count({
      caller: caller.id,
      callerName: caller.name,
      action,
      target: null,
      status,
      address,
      count: 1,
    });
  }

  /** @returns the counts of its kind */
  #count(calls: CountedCalls): Counted {
    const { caller, action, target, status, address } = calls;
    const key = JSON.stringify([caller, action, target, status, address]);
    const known = this.#counts.get(key);
    if (known) {
      known.count += calls.count;
      return known;
    }
    if (this.#counts.size < KINDS_MAX || (target === null && address === null)) {
      const counted = { ...calls };
      this.#counts.set(key, counted);
      return counted;
    }
    return this.#count({ ...calls, target: null, address: null });
  }

  /** Writes the counts.
   *
   * @throws {DatabaseUnavailable} when they cannot be written; they are kept */
  async flush(): Promise<void> {
    const counts = this.#counts;
    if (counts.size === 0) return;
    this.#counts = new Map();
    this.#last = undefined;
    try {
      await this.#audit.addCounts([...counts.values()]);
    } catch (error) {
      for (const calls of counts.values()) this.#count(calls);
      throw error;
    }
  }
}
