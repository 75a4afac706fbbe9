/** Pauses and resumes queues and tasks on behalf of a request. */
import type { Context } from "hono";
import type { PauseKey } from "../../shared/flow/pause.ts";
import type { PauseStore, StoredPause } from "../../shared/flow/pause_store.ts";
import { closest } from "../../shared/text/closest.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { Caller } from "../access/caller.ts";
import { callerOf } from "../access/request_caller.ts";
import { Problem } from "../http/problem.ts";
import type { SubmissionRules } from "../submitting/submission.ts";

/** Storage of the pauses. */
export interface PausesParts {
  readonly store: Pick<PauseStore, "list" | "find" | "pause" | "resume">;
  /** Called after a resume: its messages can be made due. */
  resumed(): void;
}

/** Dependencies of {@linkcode PauseActions}. */
export interface PauseActionsParts extends PausesParts {
  readonly rules: SubmissionRules;
  readonly trail: AuditTrail;
}

/** Lists, sets and ends pauses, with audit entries. */
export class PauseActions {
  readonly #parts: PauseActionsParts;

  constructor(parts: PauseActionsParts) {
    this.#parts = parts;
  }

  /** Whether the caller's patterns let it pause and resume this. */
  allows(c: Context, key: PauseKey): boolean {
    return mayPause(callerOf(c), key, this.#parts.rules);
  }

  /** The pauses that the caller may change. */
  async list(c: Context): Promise<StoredPause[]> {
    const { store, rules } = this.#parts;
    const caller = callerOf(c);
    return (await store.list()).filter((pause) => mayPause(caller, pause, rules));
  }

  /** @param reason for people; `null` if none is given
   * @throws {Problem} `unknown-task`, `unknown-queue` or `forbidden` */
  async pause(c: Context, key: PauseKey, reason: string | null): Promise<StoredPause> {
    const { store, rules, trail } = this.#parts;
    checkKnown(key, rules);
    const caller = callerOf(c);
    requirePausing(caller, key, rules);
    await trail.begin(c, { target: targetOf(key), filter: { reason } });
    return await store.pause(key, { reason, by: caller.id });
  }

  /** @param rate parked messages per second that are sent again; `null`: all at once
   * @throws {Problem} `no-pause` or `forbidden` */
  async resume(c: Context, key: PauseKey, rate: number | null): Promise<StoredPause> {
    const { store, rules, trail } = this.#parts;
    requirePausing(callerOf(c), key, rules);
    if (!await store.find(key)) throw noPause(key);
    await trail.begin(c, { target: targetOf(key), filter: { rate } });
    const pause = await store.resume(key, { rate });
    if (!pause) throw noPause(key);
    this.#parts.resumed();
    return pause;
  }
}

function targetOf({ scope, name }: PauseKey): string {
  return `${scope}:${name}`;
}

/** Refuses names that no worker of this app uses: a typing error would pause nothing.
 *
 * @throws {Problem} `unknown-task` or `unknown-queue` */
function checkKnown(
  { scope, name }: PauseKey,
  { registry, queues, foreignQueues }: SubmissionRules,
): void {
  if (scope === "task") {
    if (registry.get(name)) return;
    const near = registry.suggest(name);
    throw new Problem(
      "unknown-task",
      `Cannot pause task '${name.slice(0, 255)}' because no contract has that name: ${
        near ? `did you mean '${near}'?` : "see /openapi.json"
      }`,
    );
  }
  if (queues.has(name) || foreignQueues.has(name)) return;
  const near = closest(name, [...queues, ...foreignQueues]);
  throw new Problem(
    "unknown-queue",
    `Cannot pause queue '${
      name.slice(0, 255)
    }' because it is neither a contract's nor listed in CELERIAC_FOREIGN_QUEUES: ${
      near ? `did you mean '${near}'?` : "check its name"
    }`,
  );
}

/** Whether the caller's patterns match what the pause concerns. A queue concerns all its tasks. */
function mayPause(caller: Caller, { scope, name }: PauseKey, { registry }: SubmissionRules) {
  if (scope === "queue") return caller.sees({ name: null, queue: name });
  return caller.sees({ name, queue: registry.get(name)?.queue ?? null });
}

/** @throws {Problem} `forbidden` */
function requirePausing(caller: Caller, key: PauseKey, rules: SubmissionRules): void {
  if (mayPause(caller, key, rules)) return;
  throw new Problem(
    "forbidden",
    `Cannot pause or resume ${key.scope} '${
      key.name.slice(0, 255)
    }' because '${caller.name}' is limited to other tasks or queues: use a key whose patterns include ${
      key.scope === "queue" ? "the queue and all tasks" : "them"
    }`,
  );
}

function noPause({ scope, name }: PauseKey): Problem {
  return new Problem(
    "no-pause",
    `Cannot resume ${scope} '${
      name.slice(0, 255)
    }' because it is not paused: GET /v1/pauses lists the pauses`,
  );
}
