/** Chords in the tables of django-celery-results: Python and Celeriac workers decrement the same row
 * (django_celery_results/backends/database.py).
 *
 * Python deletes the row with the last member and then sends the body. Celeriac does the same, and first records in its own table that
 * the body is not sent yet. If the worker dies in between, the worker that gets the redelivered message sends the body.
 */
import type { OpenedChord, ResultTuple } from "../celery/dispatch.ts";
import { parseJson } from "../celery/python_json.ts";
import type { Database, Sql } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";
import { type ChordCount, chordsJson, type ChordStore, closeChord, storedBody } from "./chords.ts";
import { pause } from "../runtime/waits.ts";

/** Options of {@linkcode DjangoChords}. */
export interface DjangoChordsOptions {
  readonly database: Database;
  /** Milliseconds to wait for a counter, because Django's transaction that published the header may still be open. Default 10,000. */
  readonly counterTimeoutMs?: number;
}

/** Milliseconds between checks for a counter. */
const PAUSE_MS = 250;

const OPEN = `
  with fresh as (
    insert into celeriac.chord (id, members, remaining, body)
    select id, members, json_array_length(members), body
    from json_to_recordset($1::text::json) as chord (id text, members json, body json)
    on conflict do nothing
    returning id, members, remaining
  )
  insert into django_celery_results_chordcounter (group_id, sub_tasks, count)
  select id, members::text, remaining from fresh
  on conflict do nothing`;

const LOCK = `
  select count from django_celery_results_chordcounter where group_id = $1 for update`;

const COUNT_MEMBER = `
  insert into celeriac.chord_member (chord, task) values ($1, $2) on conflict do nothing returning task`;

const COUNT_DOWN = "update django_celery_results_chordcounter set count = $2 where group_id = $1";

const REMOVE = `
  delete from django_celery_results_chordcounter where group_id = $1 returning sub_tasks`;

const COMPLETE = `
  insert into celeriac.chord (id, members, remaining) values ($1, $2::text::json, 0)
  on conflict (id) do update set remaining = 0`;

/** State in Celeriac's table of a chord without a counter. */
const RECORDED = `
  select chord.remaining = 0 as complete, chord.closed_at is not null as closed,
    case when chord.remaining = 0 and chord.closed_at is null then chord.members end as members,
    exists (select from celeriac.chord_member where chord = $1 and task = $2) as counted
  from (select 1) as one left join celeriac.chord on chord.id = $1`;

/** Counts chords in Django's table. */
export class DjangoChords implements ChordStore {
  readonly foreign = true;
  readonly #database: Database;
  readonly #counterTimeoutMs: number;

  constructor({ database, counterTimeoutMs = 10_000 }: DjangoChordsOptions) {
    this.#database = database;
    this.#counterTimeoutMs = counterTimeoutMs;
  }

  async open(chords: readonly OpenedChord[], sql: Sql = this.#database): Promise<void> {
    if (chords.length === 0) return;
    await sql.query(OPEN, [chordsJson(chords)]);
  }

  async count(chord: string, task: string): Promise<ChordCount> {
    const end = performance.now() + this.#counterTimeoutMs;
    const [group, member] = [sanitizeText(chord), sanitizeText(task)];
    for (;;) {
      const count = await this.#database.transaction((sql) => countDown(sql, group, member));
      if (count.state !== "unknown" || performance.now() > end) return count;
      await pause(PAUSE_MS);
    }
  }

  async body(chord: string): Promise<unknown> {
    return await storedBody(this.#database, chord);
  }

  async close(chord: string): Promise<void> {
    await closeChord(this.#database, chord);
  }
}

async function countDown(sql: Sql, chord: string, task: string): Promise<ChordCount> {
  const [counter] = await sql.query<{ count: number }>(LOCK, [chord]);
  if (!counter) return await recordedState(sql, chord, task);
  const counted = await sql.query(COUNT_MEMBER, [chord, task]);
  if (counted.length === 0) return { state: "waiting" };
  if (counter.count > 1) {
    await sql.query(COUNT_DOWN, [chord, counter.count - 1]);
    return { state: "waiting" };
  }
  const [removed] = await sql.query<{ sub_tasks: string }>(REMOVE, [chord]);
  const members = removed!.sub_tasks;
  await sql.query(COMPLETE, [chord, members]);
  return { state: "complete", members: parseJson(members) as ResultTuple[] };
}

async function recordedState(sql: Sql, chord: string, task: string): Promise<ChordCount> {
  const [row] = await sql.query<
    { complete: boolean | null; members: ResultTuple[]; closed: boolean; counted: boolean }
  >(RECORDED, [chord, task]);
  if (row?.closed) return { state: "closed" };
  if (row?.complete) return { state: "complete", members: row.members };
  // A counted member without a counter: a Python worker had the last member and sends the body.
  return { state: row?.counted ? "closed" : "unknown" };
}
