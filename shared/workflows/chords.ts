/** Chords whose header runs: who is still to come, and whether the body may start.
 *
 * A member is counted by a row of its own (chord, task), once its record is final: a copy of its message, a member that was revoked
 * before any worker saw it, and a worker that died between record and count all come to the same number.
 * @module
 */
import type { ReadsBodies } from "../celery/chord_body.ts";
import type { OpenedChord, ResultTuple } from "../celery/dispatch.ts";
import { parseJson, stringifyJson } from "../celery/python_json.ts";
import type { Sql } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import type { TaskRouter } from "../outbox/task_router.ts";
import type { TaskOutcome } from "../results/result.ts";

/** What a count led to. `complete`: all are counted and the body is still to be sent, also when asked again; `unknown`: there is no such
 * chord. */
export type ChordCount =
  | { readonly state: "unknown" | "waiting" | "closed" }
  | { readonly state: "complete"; readonly members: readonly ResultTuple[] };

/** Where chords are counted. */
export interface ChordStore {
  /** Makes counters; those that exist are left alone.
   *
   * @param sql a transaction that they belong to */
  open(chords: readonly OpenedChord[], sql?: Sql): Promise<void>;
  /** Counts a member whose record is final, once. */
  count(chord: string, task: string): Promise<ChordCount>;
  /** The body of a chord whose members refer to it; `undefined` when there is none. */
  body(chord: string): Promise<unknown>;
  /** Whether Python workers count here too: these need the body in each member. */
  readonly foreign: boolean;
  /** Notes that the body is durable, or lost. */
  close(chord: string): Promise<void>;
}

const OPEN = `
  insert into celeriac.chord (id, members, remaining, body)
  select id, members, json_array_length(members), body
  from json_to_recordset($1::text::json) as chord (id text, members json, body json)
  on conflict do nothing`;

const COUNT = "select state, members from celeriac.count_member($1, $2)";

const BODY = "select body::text as body from celeriac.chord where id = $1";

const CLOSE =
  "update celeriac.chord set closed_at = now(), body = null where id = $1 and closed_at is null";

/** Chords in our own schema. */
export class NativeChords implements ChordStore {
  readonly foreign = false;
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  async open(chords: readonly OpenedChord[], sql: Sql = this.#database): Promise<void> {
    if (chords.length === 0) return;
    await sql.query(OPEN, [chordsJson(chords)]);
  }

  async count(chord: string, task: string): Promise<ChordCount> {
    const [row] = await this.#database.query<
      { state: ChordCount["state"]; members: readonly ResultTuple[] }
    >(COUNT, [sanitizeText(chord), sanitizeText(task)]);
    const state = row?.state ?? "unknown";
    return state === "complete" ? { state, members: row!.members } : { state };
  }

  async body(chord: string): Promise<unknown> {
    return await storedBody(this.#database, chord);
  }

  async close(chord: string): Promise<void> {
    await closeChord(this.#database, chord);
  }
}

/** Chords as one JSON text, for `json_to_recordset`. */
export function chordsJson(chords: readonly OpenedChord[]): string {
  return stringifyJson(
    chords.map(({ id, members, body = null }) => ({ id: sanitizeText(id), members, body })),
  );
}

/** Reads the body that is stored with a chord. */
export async function storedBody(sql: Sql, chord: string): Promise<unknown> {
  const [row] = await sql.query<{ body: string | null }>(BODY, [sanitizeText(chord)]);
  return row?.body ? parseJson(row.body, { typed: "keep" }) : undefined;
}

/** Notes in our own table that a chord's body is durable, or lost. */
export async function closeChord(sql: Sql, chord: string): Promise<void> {
  await sql.query(CLOSE, [sanitizeText(chord)]);
}

/** Whether the body of a chord may be stored with it, as a function of the tasks in its header. */
export function readsBodies(
  chords: Pick<ChordStore, "foreign">,
  routes: Pick<TaskRouter, "areOurs">,
): ReadsBodies {
  return chords.foreign ? (tasks) => routes.areOurs(tasks) : () => true;
}

/** Ids of the tasks in a result, in their order. */
export function taskIds([[id], members]: ResultTuple): string[] {
  return members === null ? [id] : members.flatMap(taskIds);
}

/** The first of these that did not succeed; without a record where there is none. */
export function failedMember(
  ids: readonly string[],
  records: ReadonlyMap<string, TaskOutcome>,
): { id: string; record: TaskOutcome | undefined } | undefined {
  for (const id of ids) {
    const record = records.get(id);
    if (record?.state !== "SUCCESS") return { id, record };
  }
  return undefined;
}

/** The value of a result: of a group a list. Typed values stay as they travel: Python reads them as it wrote them. */
export function valueOf(
  [[id], members]: ResultTuple,
  records: ReadonlyMap<string, TaskOutcome>,
): unknown {
  if (members !== null) return members.map((member) => valueOf(member, records));
  return parseJson(records.get(id)?.result ?? "null", { typed: "keep" });
}
