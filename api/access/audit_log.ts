/** The audit log: who changed what, and how the call ended. Append-only. */
import { LIST_OPTIONS, type Parameter, type Sql } from "../../shared/database/database.ts";

/** A call that is about to change something. */
export interface AuditEntry {
  /** Of the request: `X-Request-Id`, or a new id. */
  readonly requestId: string;
  /** `root`, `open`, `key:ID` or `jwt:SUBJECT`. */
  readonly caller: string;
  readonly callerName: string;
  /** The scope that the call required. */
  readonly action: string;
  readonly method: string;
  readonly path: string;
  /** Id or name that is changed; `null` with a filter. */
  readonly target: string | null;
  /** Filter or values of the call as JSON; `null` when there are none. */
  readonly filter: unknown;
  /** Address of the TCP peer, which may be a proxy. */
  readonly address: string | null;
}

/** The end of such a call. */
export interface AuditOutcome {
  /** HTTP status of the response. */
  readonly status: number;
  /** Changed rows, where the action has a filter. */
  readonly count: number | null;
}

/** A row of the log. */
export interface AuditRow extends Omit<AuditEntry, "requestId" | "method" | "path"> {
  /** Position in the log. */
  readonly id: string;
  readonly at: Date;
  /** These three are `null` in a row that counts calls. */
  readonly requestId: string | null;
  readonly method: string | null;
  readonly path: string | null;
  /** `null` when the process ended before the call, and for counted submissions. */
  readonly status: number | null;
  readonly count: number | null;
}

/** Calls of one kind, as one row. */
export interface CountedCalls {
  readonly caller: string;
  readonly callerName: string;
  readonly action: string;
  /** Name of the submitted task; `null` for refused calls. */
  readonly target: string | null;
  /** Status of refused calls; `null` for submissions, which were accepted. */
  readonly status: number | null;
  /** Address of the TCP peer of refused calls. */
  readonly address: string | null;
  readonly count: number;
}

/** Which rows to list. */
export interface AuditFilter {
  readonly caller?: string;
  readonly action?: string;
  readonly target?: string;
}

const BEGIN = `
  insert into celeriac.audit (request_id, caller, caller_name, action, method, path, target, filter, address)
  values ($1, $2, $3, $4, $5, $6, $7, $8::text::json, $9)
  returning id`;

const END = `
  insert into celeriac.audit_outcome (audit_id, status, count) values ($1, $2, $3)
  on conflict do nothing`;

const COUNT = `
  insert into celeriac.audit (caller, caller_name, action, target, status, address, count)
  select caller, "callerName", action, target, status, address, count
  from json_to_recordset($1::text::json) as given (
    caller text, "callerName" text, action text, target text, status smallint, address text, count bigint)`;

const LIST = (where: string, limit: string) => `
  select audit.id, audit.at, request_id as "requestId", caller, caller_name as "callerName", action, method, path,
    target, filter, address, coalesce(outcome.status, audit.status) as status, coalesce(outcome.count, audit.count)::float8 as count
  from celeriac.audit left join celeriac.audit_outcome as outcome on outcome.audit_id = audit.id
  ${where} order by audit.id desc limit ${limit}`;

/** Conditions on a column whose index has the hash. */
function hashed(column: string, value: string): string[] {
  return [`hashtext(${column}) = hashtext(${value})`, `${column} = ${value}`];
}

/** Reads and writes the log. */
export class AuditLog {
  readonly #database: Pick<Sql, "query">;

  constructor({ database }: { database: Pick<Sql, "query"> }) {
    this.#database = database;
  }

  /** Commits an entry before its change, so that no change is without an entry.
   *
   * @returns the entry's id
   * @throws {DatabaseUnavailable} */
  async begin(entry: AuditEntry): Promise<string> {
    const { requestId, caller, callerName, action, method, path, target, filter, address } = entry;
    const written = filter === null || filter === undefined ? null : JSON.stringify(filter);
    const values = [requestId, caller, callerName, action, method, path, target, written, address];
    const [row] = await this.#database.query<{ id: string }>(BEGIN, values);
    return row!.id;
  }

  /** Adds the outcome of an entry.
   *
   * @throws {DatabaseUnavailable} */
  async end(id: string, { status, count }: AuditOutcome): Promise<void> {
    await this.#database.query(END, [id, status, count]);
  }

  /** Adds rows that count calls.
   *
   * @throws {DatabaseUnavailable} */
  async addCounts(counted: readonly CountedCalls[]): Promise<void> {
    await this.#database.query(COUNT, [JSON.stringify(counted)]);
  }

  /** Lists rows, newest first.
   *
   * @param before id of the last row of the previous page
   * @throws {DatabaseUnavailable} */
  async list(
    { caller, action, target }: AuditFilter,
    { before, limit }: { before?: string; limit: number },
  ): Promise<AuditRow[]> {
    const parameters: Parameter[] = [];
    const given = (value: Parameter) => `$${parameters.push(value)}`;
    // Only the conditions of this filter, so that the planner finds their index.
    const conditions = [
      ...before === undefined ? [] : [`audit.id < ${given(before)}::bigint`],
      ...caller === undefined ? [] : hashed("caller", given(caller)),
      ...action === undefined ? [] : [`action = ${given(action)}`],
      ...target === undefined ? [] : hashed("target", given(target)),
    ];
    const where = conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
    return await this.#database.query<AuditRow>(
      LIST(where, given(limit)),
      parameters,
      LIST_OPTIONS,
    );
  }
}
