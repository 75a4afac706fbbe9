/** The table of events. */
import { parseJson, stringifyJson } from "../celery/python_json.ts";
import { LIST_OPTIONS, type Sql } from "../database/database.ts";
import type { CloudEvent } from "./cloud_event.ts";

/** Ids of an event's tasks by subscription. */
export type EventTasks = Readonly<Record<string, string>>;

/** An event to record. */
export interface NewEvent {
  readonly key: string;
  readonly event: CloudEvent;
  /** The event as JSON text. Default: written from `event`. */
  readonly json?: string;
  readonly tasks: EventTasks;
}

/** A recorded event. */
export interface RecordedEvent extends Omit<NewEvent, "json"> {
  /** Grows with each event; may skip numbers. */
  readonly position: number;
  readonly recordedAt: Date;
  /** Bytes of the event as JSON. */
  readonly bytes: number;
}

/** Which events to read. */
export interface EventPage {
  /** Maximum number of events. */
  readonly limit: number;
  /** Only events of this type. */
  readonly type?: string;
}

interface Row {
  readonly key: string;
  readonly position: number;
  readonly event: string;
  readonly bytes: number;
  readonly tasks: EventTasks;
  readonly recorded_at: Date;
}

/** Bytes of a page of events, without the last one. */
export const EVENT_PAGE_BYTES = 4 * 1024 * 1024;

/** Whether a page may end because of its bytes, so that more events follow although it is not full. */
export function isCut(page: readonly RecordedEvent[]): boolean {
  return page.reduce((sum, { bytes }) => sum + bytes, 0) >= EVENT_PAGE_BYTES;
}

const RECORD = "select celeriac.record_events($1::text::json) as key";

const LOCK = "select celeriac.lock_events() as revision";

const KNOWN = "select key from celeriac.events($1::text[])";

const FIND = `
  select key, position::float8 as position, event::text as event, octet_length(event::text) as bytes,
    tasks, recorded_at
  from celeriac.events(array[$1])`;

/** The first events among these keys, with at most {@linkcode EVENT_PAGE_BYTES}. */
const CONTENTS = `
  select key, event::text as event from (
    select *, sum(octet_length(event::text)) over (order by key) - octet_length(event::text) as bytes_before from (
      select key, event, sum(pg_column_size(event)) over (order by key) - pg_column_size(event) as stored_before
      from celeriac.events($1::text[])
    ) found where stored_before < ${EVENT_PAGE_BYTES}
  ) found where bytes_before < ${EVENT_PAGE_BYTES}`;

/** The stored size is that of compressed data, and read without them: it limits how many are decompressed to count their bytes. Without its
 * header of at most four bytes it never exceeds the bytes of the text, so that {@linkcode isCut} holds for each page that it ends. */
function page(where: string, order: string): string {
  return `
  select key, position::float8 as position, event::text as event, bytes, tasks, recorded_at from (
    select *, sum(bytes) over (order by ${order}) - bytes as bytes_before from (
      select *, octet_length(event::text) as bytes from (
        select *, sum(stored) over (order by ${order}) - stored as stored_before from (
          select key, position, event, tasks, recorded_at, pg_column_size(event) - 4 as stored
          from celeriac.event
          where ${where} and ($3::text is null or type = $3) order by ${order} limit $2
        ) found
      ) found where stored_before < ${EVENT_PAGE_BYTES}
    ) found
  ) found where bytes_before < ${EVENT_PAGE_BYTES} order by ${order}`;
}

const NEWER = page("position > $1", "position");

const OLDER = page("position < $1", "position desc");

const ADD_TASKS = "select celeriac.add_event_tasks($1, $2::text::json)";

const LAST = "select coalesce(max(position), 0)::float8 as position from celeriac.event";

/** Records and reads events. */
export class EventStore {
  readonly #database: Sql;

  /** @param options.database for {@linkcode EventStore.record}, a transaction */
  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Call it first in a transaction: until that ends, others wait here, and so does a pause of a subscription.
   *
   * @returns the revision of the subscriptions, as {@linkcode SubscriptionCache.current} has it
   * @throws {DatabaseUnavailable} */
  async lock(): Promise<string> {
    const [row] = await this.#database.query<{ revision: string }>(LOCK);
    return row?.revision ?? "";
  }

  /** Records events, each once. It locks as {@linkcode EventStore.lock} does, so that positions become visible in their order.
   *
   * @returns the keys that were not recorded before
   * @throws {InvalidInput} when an event cannot be written as JSON
   * @throws {DatabaseUnavailable} */
  async record(events: readonly NewEvent[]): Promise<Set<string>> {
    if (events.length === 0) return new Set();
    const entries = events.map(({ key, event, json = stringifyJson(event), tasks }) => {
      const { source, id, type, subject } = event;
      return { key, source, id, type, subject, event: json, tasks };
    });
    return keysOf(await this.#database.query(RECORD, [JSON.stringify(entries)]));
  }

  /** Adds tasks that a subscription got after the event was recorded. A task that the event has already stays.
   *
   * @throws {DatabaseUnavailable} */
  async addTasks(
    subscription: string,
    tasks: readonly { readonly key: string; readonly id: string }[],
  ): Promise<void> {
    if (tasks.length === 0) return;
    await this.#database.query(ADD_TASKS, [subscription, JSON.stringify(tasks)]);
  }

  /** The keys among these that are recorded.
   *
   * @throws {DatabaseUnavailable} */
  async known(keys: readonly string[]): Promise<Set<string>> {
    return keysOf(await this.#database.query(KNOWN, [[...keys]]));
  }

  /** Recorded events as JSON texts, by key; the first ones only if they have more than {@linkcode EVENT_PAGE_BYTES}.
   *
   * @throws {DatabaseUnavailable} */
  async contents(keys: readonly string[]): Promise<Map<string, string>> {
    if (keys.length === 0) return new Map();
    const rows = await this.#database.query<Pick<Row, "key" | "event">>(CONTENTS, [[...keys]]);
    return new Map(rows.map(({ key, event }) => [key, event]));
  }

  /** @throws {DatabaseUnavailable} */
  async find(key: string): Promise<RecordedEvent | undefined> {
    const [row] = await this.#database.query<Row>(FIND, [key]);
    return row && fromRow(row);
  }

  /** Events after a position, oldest first, at most {@linkcode EVENT_PAGE_BYTES}. No event with a lower position appears later.
   *
   * @throws {DatabaseUnavailable} */
  async after(position: number, { limit, type }: EventPage): Promise<RecordedEvent[]> {
    const rows = await this.#database.query<Row>(NEWER, [position, limit, type ?? null]);
    return rows.map(fromRow);
  }

  /** Events before a position, newest first, at most {@linkcode EVENT_PAGE_BYTES}.
   *
   * @param position default: after the last one
   * @throws {DatabaseUnavailable}
   * @throws {DatabaseTooSlow} */
  async before(position: number | undefined, { limit, type }: EventPage): Promise<RecordedEvent[]> {
    const end = position ?? Number.MAX_SAFE_INTEGER;
    const rows = await this.#database.query<Row>(OLDER, [end, limit, type ?? null], LIST_OPTIONS);
    return rows.map(fromRow);
  }

  /** The highest position; 0 when there is no event.
   *
   * @throws {DatabaseUnavailable} */
  async lastPosition(): Promise<number> {
    const [row] = await this.#database.query<{ position: number }>(LAST);
    return row?.position ?? 0;
  }
}

function keysOf(rows: readonly object[]): Set<string> {
  return new Set((rows as { key: string }[]).map(({ key }) => key));
}

function fromRow({ key, position, event, bytes, tasks, recorded_at }: Row): RecordedEvent {
  const parsed = parseJson(event, { typed: "keep" }) as CloudEvent;
  return { key, position, event: parsed, bytes, tasks, recordedAt: recorded_at };
}
