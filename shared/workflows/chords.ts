/** Counts the finished members of a chord's header, and decides when the body may start.
 *
 * Each member is counted with a row (chord, task) when its record is final. The count stays correct for duplicate messages, for
 * members revoked before delivery, and for workers that die between record and count.
 * @module
 */
import type { ReadsBodies } from "../celery/chord_body.ts";
import type { OpenedChord, ResultTuple } from "../celery/dispatch.ts";
import { parseJson, stringifyJson } from "../celery/python_json.ts";
import type { Sql } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import type { TaskRouter } from "../outbox/task_router.ts";
import type { TaskOutcome } from "../results/result.ts";

/** Result of a count. `complete`: all members are counted and the body is not sent yet (repeated calls return it again); `unknown`: the
 * chord does not exist. */
export type ChordCount =
  | { readonly state: "unknown" | "waiting" | "closed" }
  | { readonly state: "complete"; readonly members: readonly ResultTuple[] };

/** Storage of chord counters. */
export interface ChordStore {
  /** Creates counters; existing ones stay unchanged.
   *
   * @param sql a transaction to write in */
  open(chords: readonly OpenedChord[], sql?: Sql): Promise<void>;
  /** Counts a member whose record is final; idempotent. */
  count(chord: string, task: string): Promise<ChordCount>;
  /** The stored body of a chord; `undefined` when there is none. */
  body(chord: string): Promise<unknown>;
  /** Whether Python workers use the same counters; they need the body in each member. */
  readonly foreign: boolean;
  /** Records that the body is durable or lost. */
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

/** Chords in Celeriac's schema. */
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

/** Reads the stored body of a chord. */
export async function storedBody(sql: Sql, chord: string): Promise<unknown> {
  const [row] = await sql.query<{ body: string | null }>(BODY, [sanitizeText(chord)]);
  return row?.body ? parseJson(row.body, { typed: "keep" }) : undefined;
}

/** Records in Celeriac's table that a chord's body is durable or lost. */
export async function closeChord(sql: Sql, chord: string): Promise<void> {
  await sql.query(CLOSE, [sanitizeText(chord)]);
}

/** Returns a predicate on a chord's header: whether the chord's body may be stored with the chord. */
export function readsBodies(
  chords: Pick<ChordStore, "foreign">,
  routes: Pick<TaskRouter, "areOurs">,
): ReadsBodies {
  return chords.foreign ? (tasks) => routes.areOurs(tasks) : () => true;
}

/** Ids of the tasks in a result, in order. */
export function taskIds([[id], members]: ResultTuple): string[] {
  return members === null ? [id] : members.flatMap(taskIds);
}

/** The first task that did not succeed, with its record if there is one. */
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

/** The value of a result; a list for a group. Typed values stay encoded, so that Python reads them as it wrote them. */
export function valueOf(
  [[id], members]: ResultTuple,
  records: ReadonlyMap<string, TaskOutcome>,
): unknown {
  if (members !== null) return members.map((member) => valueOf(member, records));
  return parseJson(records.get(id)?.result ?? "null", { typed: "keep" });
}
