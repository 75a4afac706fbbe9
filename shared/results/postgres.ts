/** Records in Postgres, in Celeriac's schema or in Django's tables. */
import type { ExceptionMeta } from "../celery/exception.ts";
import { readException } from "../celery/result.ts";
import type { Sql } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import { entriesJson } from "../outbox/outbox.ts";
import { NATIVE } from "./native.sql.ts";
import { listRecords } from "./list_records.ts";
import { commonValues, metaJson, type Row, toRecord, toRefusedRow, toRow } from "./row.ts";
import type {
  Claim,
  Claimed,
  GivenUp,
  Meta,
  PendingTask,
  RecordFilter,
  RecordPage,
  Settlement,
  State,
  TaskOutcome,
  TaskRecord,
  TaskSummary,
} from "./result.ts";
import { hasUniqueIds, rounds } from "./settlement_rounds.ts";
import type { ListOptions, ResultStore } from "./store.ts";
import type { Statements, Tables } from "./statements.ts";

/** The claim of a delivery; with `held` the rest is null. */
type ClaimRow = Claim & { readonly id: string; readonly held: number | null };

/** The claim of a task without a record that another worker holds. */
const UNRECORDED: Claim = { state: "PENDING", retries: 0, deliveries: 1 };

/** Holds the tasks, then runs `reclaim`: a statement of its own, so that it sees what was committed while the rows were waited for. */
const RECLAIM = `
  select id, state, retries, deliveries, held
  from celeriac.claim($1, $2::text[], $3::integer[], $4::text[], $5)`;

/** Options of {@linkcode PostgresResultStore}. */
export interface PostgresResultStoreOptions {
  /** May be a transaction. */
  readonly database: Sql;
  /** Tables with the records. Default: Celeriac's schema. */
  readonly tables?: Tables;
}

/** Reads and writes records. */
export class PostgresResultStore implements ResultStore {
  readonly #database: Sql;
  readonly #tables: Tables;

  constructor({ database, tables = NATIVE }: PostgresResultStoreOptions) {
    this.#database = database;
    this.#tables = tables;
  }

  async submitted(submissions: readonly PendingTask[]): Promise<number> {
    if (submissions.length === 0) return 0;
    const { submitted } = await this.#statements();
    const [row] = await this.#database.query<{ inserted: number }>(submitted, [
      JSON.stringify(submissions.map((submission) => ({
        id: sanitizeText(submission.id),
        name: sanitizeText(submission.name),
        queue: sanitizeText(submission.queue),
        args_repr: sanitizeText(submission.argsRepr),
        kwargs_repr: sanitizeText(submission.kwargsRepr),
        labels: submission.labels,
        submitted_by: sanitizeText(submission.submittedBy ?? null) ?? undefined,
        submitted_at: submission.submittedAt.toISOString(),
      }))),
    ]);
    return row?.inserted ?? 0;
  }

  async unrecorded(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const { unrecorded } = await this.#statements();
    const rows = await this.#database.query<{ id: string }>(unrecorded, [
      ids.map((id) => sanitizeText(id)),
    ]);
    return rows.map(({ id }) => id);
  }

  async settle(settlements: readonly Settlement[]): Promise<boolean[]> {
    if (hasUniqueIds(settlements)) {
      const ids = await this.#settleOnce(settlements);
      return settlements.map(({ id }) => ids.has(sanitizeText(id)));
    }
    const taken = settlements.map(() => false);
    for (const round of rounds(settlements)) {
      const ids = await this.#settleOnce(round.map((index) => settlements[index]!));
      for (const index of round) taken[index] = ids.has(sanitizeText(settlements[index]!.id));
    }
    return taken;
  }

  /** Writes settlements with unique ids; returns the ids whose state was stored. */
  async #settleOnce(settlements: readonly Settlement[]): Promise<Set<string>> {
    const { settle, settledBefore } = await this.#statements();
    const common = commonValues(settlements);
    const entries = entriesJson(settlements.flatMap(({ id, next, events = [] }) => [
      ...next ? [next] : [],
      ...events.map((event) => ({ ...event, settledBy: id })),
    ]));
    const taken = await this.#database.query<{ id: string }>(settle, [
      JSON.stringify(settlements.map((settlement) => toRow(settlement, common))),
      entries,
      sanitizeText(common.name),
      sanitizeText(common.queue),
      sanitizeText(common.worker),
    ]);
    const ids = new Set(taken.map(({ id }) => id));
    if (ids.size < settlements.length) {
      const refused = settlements.map(toRefusedRow).filter(({ id }) => !ids.has(id));
      for (
        const { id } of await this.#database.query<{ id: string }>(settledBefore, [
          JSON.stringify(refused),
        ])
      ) {
        ids.add(id);
      }
    }
    return ids;
  }

  async claim(deliveries: readonly Claimed[], node: string): Promise<(Claim | undefined)[]> {
    const { claim, reclaim } = await this.#statements();
    const rounds = new Map<string, number>();
    const again = new Set<string>();
    for (const delivery of deliveries) {
      const id = sanitizeText(delivery.id);
      rounds.set(id, Math.max(rounds.get(id) ?? 0, delivery.round));
      if (delivery.redelivered) again.add(id);
    }
    const tasks = [node, [...rounds.keys()], [...rounds.values()]];
    const rows = again.size > 0
      ? await this.#database.query<ClaimRow>(RECLAIM, [...tasks, [...again], reclaim])
      : await this.#database.query<ClaimRow>(claim, tasks);
    const held = new Map<string, number>();
    const claims = new Map<string, Claim>();
    for (const { id, held: heldSeconds, ...claim } of rows) {
      if (heldSeconds === null) claims.set(id, claim);
      else held.set(id, heldSeconds);
    }
    return deliveries.map((delivery) => {
      const id = sanitizeText(delivery.id);
      const heldSeconds = held.get(id);
      const claim = claims.get(id);
      if (heldSeconds === undefined) return claim;
      return { ...claim ?? UNRECORDED, heldSeconds };
    });
  }

  async revoke(id: string, why: string): Promise<{ revoked: boolean; state: string | null }> {
    // The same form as a Celery worker stores (celery/worker/request.py, TaskRevokedError).
    const exception: ExceptionMeta = {
      exc_type: "TaskRevokedError",
      exc_message: [why],
      exc_module: "celery.exceptions",
    };
    const { revoke } = await this.#statements();
    const [answer] = await this.#database.query<{ revoked: boolean; state: string | null }>(
      revoke,
      [sanitizeText(id), JSON.stringify(exception)],
    );
    return { revoked: answer?.revoked ?? false, state: answer?.state ?? null };
  }

  async reopen(tasks: readonly { id: string; retries: number }[], sql: Sql): Promise<string[]> {
    if (tasks.length === 0) return [];
    const { reopen } = await this.#tables.statements(sql);
    const rows = tasks.map(({ id, retries }) => ({ id: sanitizeText(id), retries }));
    const reopened = await sql.query<{ id: string }>(reopen, [JSON.stringify(rows)]);
    return reopened.map(({ id }) => id);
  }

  async fail(tasks: readonly GivenUp[], sql: Sql): Promise<void> {
    if (tasks.length === 0) return;
    const { fail } = await this.#tables.statements(sql);
    const rows = tasks.map(({ id, name, state, retries, exception }) => (
      { id: sanitizeText(id), name: sanitizeText(name), state, retries, exception }
    ));
    await sql.query(fail, [JSON.stringify(rows)]);
  }

  async annotate(id: string, meta: Meta): Promise<void> {
    const { annotate } = await this.#statements();
    await this.#database.query(annotate, [sanitizeText(id), metaJson(meta) ?? "{}"]);
  }

  async find(id: string): Promise<TaskRecord | undefined> {
    const { find } = await this.#statements();
    const [row] = await this.#database.query<Row>(find, [sanitizeText(id)]);
    return row && toRecord(row);
  }

  async outcomes(ids: readonly string[]): Promise<TaskOutcome[]> {
    const { outcomes } = await this.#statements();
    const rows = await this.#database.query<Pick<Row, keyof TaskOutcome>>(outcomes, [
      ids.map((id) => sanitizeText(id)),
    ]);
    return rows.map((row) => ({ ...row, exception: readException(row.exception) }));
  }

  async states(
    ids: readonly string[],
    sql: Sql = this.#database,
  ): Promise<Map<string, State>> {
    const { states } = await this.#tables.statements(sql);
    const rows = await sql.query<{ id: string; state: State }>(states, [
      ids.map((id) => sanitizeText(id)),
    ]);
    return new Map(rows.map(({ id, state }) => [id, state]));
  }

  async summaries(ids: readonly string[]): Promise<TaskSummary[]> {
    if (ids.length === 0) return [];
    const { summaries } = await this.#statements();
    return await this.#database.query<TaskSummary>(summaries, [ids.map((id) => sanitizeText(id))]);
  }

  async list(filter: RecordFilter, options: ListOptions): Promise<RecordPage> {
    return await listRecords(this.#database, await this.#statements(), filter, options);
  }

  async #statements(): Promise<Statements> {
    return await this.#tables.statements(this.#database);
  }
}
