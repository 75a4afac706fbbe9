/** Audit entries of the current request. */
import type { Context } from "hono";
import { routePath } from "hono/route";
import { getLogger } from "@logtape/logtape";
import { v7 } from "uuid";
import type { AuditEntry, AuditLog } from "./audit_log.ts";
import { DatabaseUnavailable, Unavailable } from "../../shared/errors.ts";
import { withDatabaseDeadline } from "../http/database_deadline.ts";
import { callerOf } from "./request_caller.ts";
import { ROUTE_SCOPES } from "./route_scopes.ts";

const log = getLogger(["celeriac", "api"]);

const VARIABLE = "audit";

interface Begun {
  readonly id: string;
  count: number | null;
}

/** Subject of a change. */
export interface Subject {
  /** Id or name of the changed thing. */
  readonly target?: string;
  /** Filter or values that select it, as JSON. */
  readonly filter?: unknown;
}

/** Writes the audit entries of requests. A route calls {@linkcode AuditTrail.begin} after all checks and before its change. */
export class AuditTrail {
  readonly #log: Pick<AuditLog, "begin" | "end">;

  constructor(auditLog: Pick<AuditLog, "begin" | "end">) {
    this.#log = auditLog;
  }

  /** Commits the entry of the change that follows. If it fails, the change must not happen.
   *
   * @throws {Unavailable} when the entry is not committed in time; nothing has changed */
  async begin(c: Context, { target, filter }: Subject): Promise<void> {
    const caller = callerOf(c);
    const route = `${c.req.method} ${routePath(c)}`;
    const requestId = requestIdOf(c);
    c.header("x-request-id", requestId);
    const entry: AuditEntry = {
      requestId,
      caller: caller.id,
      callerName: caller.name,
      action: actionOf(route),
      method: c.req.method,
      path: c.req.path,
      target: target ?? null,
      filter: filter ?? null,
      address: addressOf(c),
    };
    c.set(VARIABLE, { id: await this.#commit(entry), count: null } satisfies Begun);
  }

  async #commit(entry: AuditEntry): Promise<string> {
    try {
      return await withDatabaseDeadline("write the audit log", () => this.#log.begin(entry));
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      throw new Unavailable(error.message, { cause: error });
    }
  }

  /** Whether the request has an entry. */
  hasBegun(c: Context): boolean {
    return c.get(VARIABLE) !== undefined;
  }

  /** Adds the number of changed rows to the outcome. */
  count(c: Context, count: number): void {
    const begun: Begun | undefined = c.get(VARIABLE);
    if (begun) begun.count = count;
  }

  /** Writes the outcome of the request, if an entry was begun. Best effort: the entry is already committed. */
  async end(c: Context): Promise<void> {
    const begun: Begun | undefined = c.get(VARIABLE);
    if (!begun) return;
    try {
      await this.#log.end(begun.id, { status: c.res.status, count: begun.count });
    } catch (error) {
      log.warn("Cannot store the outcome of audit entry {id}: {error}", { id: begun.id, error });
    }
  }
}

/** The action of a call in the log: the scope that its route requires. Routes without scopes are actions of their own. */
export function actionOf(route: string | undefined): string {
  if (route === undefined) return "unknown-route";
  const required = ROUTE_SCOPES[route];
  return Array.isArray(required) ? required[0] : route;
}

/** Address of the TCP peer, if the server gives one. */
export function addressOf(c: Context): string | null {
  return c.env?.remoteAddr?.hostname ?? null;
}

/** The client's `X-Request-Id`, if it is short and plain; otherwise a new id. */
function requestIdOf(c: Context): string {
  const given = c.req.header("x-request-id");
  return given !== undefined && /^[\w.:-]{1,100}$/.test(given) ? given : v7();
}
