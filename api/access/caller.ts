/** The caller of a request and its rights. */
import { includesScope, type Scope } from "./scopes.ts";
import { arePatternsWithin, matcher } from "./pattern.ts";

/** Rights: scopes, and patterns of the tasks and queues that they concern. */
export interface Rights {
  readonly scopes: readonly string[];
  readonly tasks: readonly string[];
  readonly queues: readonly string[];
  /** End of the rights; `null`: none. */
  readonly expiresAt: Date | null;
  /** Maximum requests per minute for each API process; `null`: no limit. */
  readonly requestsPerMinute: number | null;
}

/** All rights, without limits. */
export const ALL_RIGHTS: Rights = {
  scopes: ["*"],
  tasks: ["*"],
  queues: ["*"],
  expiresAt: null,
  requestsPerMinute: null,
};

/** A task that rights may concern. Fields are `null` if unknown. */
export interface NamedTask {
  readonly name: string | null;
  readonly queue: string | null;
}

/** Someone who calls the API. */
export class Caller {
  readonly #matchesTask: (name: string) => boolean;
  readonly #matchesQueue: (name: string) => boolean;

  /** @param id `root`, `open`, `key:ID` or `jwt:SUBJECT`: as in the audit log
   * @param name for people, such as the name of a key */
  constructor(readonly id: string, readonly name: string, readonly rights: Rights) {
    this.#matchesTask = matcher(rights.tasks);
    this.#matchesQueue = matcher(rights.queues);
  }

  /** Whether no pattern limits its tasks and queues. */
  get seesEverything(): boolean {
    const { tasks, queues } = this.rights;
    return tasks.includes("*") && queues.includes("*");
  }

  /** Whether it may read every field of every record. */
  get readsEverything(): boolean {
    return this.seesEverything && this.has("tasks:read-data");
  }

  /** Whether it has a scope. */
  has(scope: Scope): boolean {
    return includesScope(this.rights.scopes, scope);
  }

  /** Whether its patterns match a task. An unknown name or queue matches only the pattern `*`. */
  sees({ name, queue }: NamedTask): boolean {
    return this.#matchesTask(name ?? "") && this.#matchesQueue(queue ?? "") &&
      (name !== null || this.rights.tasks.includes("*")) &&
      (queue !== null || this.rights.queues.includes("*"));
  }

  /** Whether its patterns match a queue. */
  seesQueue(queue: string): boolean {
    return this.#matchesQueue(queue);
  }

  /** Whether it has all of these rights, so that it may create or change a key that has them. */
  covers({ scopes, tasks, queues, expiresAt, requestsPerMinute }: Rights): boolean {
    const own = this.rights;
    return scopes.every((scope) => includesScope(own.scopes, scope)) &&
      arePatternsWithin(tasks, own.tasks) &&
      arePatternsWithin(queues, own.queues) &&
      (own.expiresAt === null || (expiresAt !== null && expiresAt <= own.expiresAt)) &&
      (own.requestsPerMinute === null ||
        (requestsPerMinute !== null && requestsPerMinute <= own.requestsPerMinute));
  }
}

/** The caller with the operator's token `CELERIAC_API_TOKEN`. */
export const ROOT = new Caller("root", "CELERIAC_API_TOKEN", ALL_RIGHTS);

/** Everyone, in an API without authentication. */
export const EVERYONE = new Caller("open", "anyone", ALL_RIGHTS);
