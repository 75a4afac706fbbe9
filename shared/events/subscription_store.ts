/** The table of subscriptions. */
import { v7 } from "uuid";
import type { Sql } from "../database/database.ts";
import type { Selection, Where } from "./selection.ts";
import type { EventDelivery } from "./subscription.ts";

/** A subscription to store. */
export interface NewSubscription extends Selection {
  readonly name: string;
  readonly deliver: EventDelivery;
}

/** A stored subscription. */
export interface StoredSubscription extends NewSubscription {
  /** `code`: a contracts module defines it. */
  readonly source: "code" | "database";
  /** Since when it makes no tasks; `null` if it does. */
  readonly pausedAt: Date | null;
  /** Position of the last event before the pause; `null` if it is not paused. */
  readonly pausedAfter: number | null;
  /** Differs after each change. */
  readonly revision: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface Row {
  readonly name: string;
  readonly source: "code" | "database";
  readonly patterns: string[];
  readonly attributes: Where;
  readonly match: "all" | "any";
  readonly deliver: EventDelivery;
  readonly paused_at: Date | null;
  readonly paused_after: number | null;
  readonly revision: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const COLUMNS =
  "name, source, patterns, attributes, match, deliver, paused_at, paused_after::float8 as paused_after, xmin::text as revision, created_at, updated_at";

const LIST = `select ${COLUMNS} from celeriac.subscription where name > $1 order by name limit $2`;

const ALL = `select ${COLUMNS} from celeriac.subscription order by name`;

const FIND = `select ${COLUMNS} from celeriac.subscription where name = $1`;

const ADD = `
  insert into celeriac.subscription (name, source, patterns, attributes, match, deliver)
  values ($1, 'database', $2::text[], $3::text::json, $4, $5::text::json)
  on conflict do nothing
  returning ${COLUMNS}`;

const REPLACE = `
  update celeriac.subscription
  set patterns = $2::text[], attributes = $3::text::json, match = $4, deliver = $5::text::json, updated_at = now()
  where name = $1 and source = 'database'
  returning ${COLUMNS}`;

const REMOVE =
  "delete from celeriac.subscription where name = $1 and source = 'database' returning name";

const PAUSE = "select celeriac.pause_subscription($1)";

const RESUME = "select celeriac.resume_subscription($1, $2, $3)";

/** Tasks per second of the replay after a pause. */
const RESUME_RATE = 1000;

// A subscription that the app no longer defines stays: during a rollout, older processes still need it.
const SYNC = `
  insert into celeriac.subscription as kept (name, source, patterns, attributes, match, deliver)
  select name, 'code', array(select json_array_elements_text(patterns)), attributes, match, deliver
  from json_to_recordset($1::text::json)
    as given (name text, patterns json, attributes json, match text, deliver json)
  order by name -- so that two processes cannot deadlock
  on conflict (name) do update
  set patterns = excluded.patterns, attributes = excluded.attributes, match = excluded.match,
    deliver = excluded.deliver, updated_at = now()
  where kept.source = 'code'
    and (kept.patterns, kept.attributes::text, kept.match, kept.deliver::text)
      is distinct from (excluded.patterns, excluded.attributes::text, excluded.match, excluded.deliver::text)`;

const TAKEN = `
  select name from celeriac.subscription
  where source = 'database' and name = any($1::text[]) order by name`;

const PRUNE = `
  delete from celeriac.subscription
  where source = 'code' and name = any($1::text[])
  returning name`;

/** Reads and writes subscriptions. */
export class SubscriptionStore {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** All subscriptions, ordered by name.
   *
   * @throws {DatabaseUnavailable} */
  async all(): Promise<StoredSubscription[]> {
    return (await this.#database.query<Row>(ALL)).map(fromRow);
  }

  /** Lists subscriptions, ordered by name.
   *
   * @param after lists only names after this one
   * @throws {DatabaseUnavailable} */
  async list(
    { after = "", limit }: { after?: string; limit: number },
  ): Promise<StoredSubscription[]> {
    return (await this.#database.query<Row>(LIST, [after, limit])).map(fromRow);
  }

  /** @throws {DatabaseUnavailable} */
  async find(name: string): Promise<StoredSubscription | undefined> {
    const [row] = await this.#database.query<Row>(FIND, [name]);
    return row && fromRow(row);
  }

  /** Stores a subscription.
   *
   * @returns `undefined` when the name exists
   * @throws {DatabaseUnavailable} */
  async add(subscription: NewSubscription): Promise<StoredSubscription | undefined> {
    const [row] = await this.#database.query<Row>(ADD, valuesOf(subscription));
    return row && fromRow(row);
  }

  /** Replaces a subscription with source `database`. A pause stays.
   *
   * @returns `undefined` when there is none of that name
   * @throws {DatabaseUnavailable} */
  async replace(subscription: NewSubscription): Promise<StoredSubscription | undefined> {
    const [row] = await this.#database.query<Row>(REPLACE, valuesOf(subscription));
    return row && fromRow(row);
  }

  /** Removes a subscription with source `database`.
   *
   * @returns whether it was removed
   * @throws {DatabaseUnavailable} */
  async remove(name: string): Promise<boolean> {
    return (await this.#database.query(REMOVE, [name])).length > 0;
  }

  /** Pauses a subscription: the events from now on are recorded without a task of it.
   *
   * @returns `undefined` when no subscription has that name
   * @throws {DatabaseUnavailable} */
  async pause(name: string): Promise<StoredSubscription | undefined> {
    await this.#database.query(PAUSE, [name]);
    return await this.find(name);
  }

  /** Resumes a subscription. A replay turns the events of the pause into tasks.
   *
   * @returns `undefined` when no subscription has that name
   * @throws {DatabaseUnavailable} */
  async resume(name: string): Promise<StoredSubscription | undefined> {
    await this.#database.query(RESUME, [name, v7(), RESUME_RATE]);
    return await this.find(name);
  }

  /** Adds and changes the subscriptions with source `code`; removes none. Pauses stay.
   *
   * @returns names that a subscription with source `database` already has, not stored
   * @throws {DatabaseUnavailable} */
  async sync(subscriptions: readonly NewSubscription[]): Promise<string[]> {
    await this.#database.query(SYNC, [JSON.stringify(subscriptions.map(written))]);
    const names = subscriptions.map(({ name }) => name);
    return (await this.#database.query<{ name: string }>(TAKEN, [names])).map(({ name }) => name);
  }

  /** Removes subscriptions with source `code`.
   *
   * @returns names of the removed ones
   * @throws {DatabaseUnavailable} */
  async prune(names: readonly string[]): Promise<string[]> {
    const gone = await this.#database.query<{ name: string }>(PRUNE, [[...names]]);
    return gone.map(({ name }) => name).sort();
  }
}

/** The columns that an author defines. */
function written({ name, patterns, where, match, deliver }: NewSubscription) {
  return { name, patterns, attributes: where, match, deliver };
}

function valuesOf(subscription: NewSubscription) {
  const { name, patterns, attributes, match, deliver } = written(subscription);
  return [name, patterns, JSON.stringify(attributes), match, JSON.stringify(deliver)];
}

function fromRow(row: Row): StoredSubscription {
  const { name, source, patterns, attributes, match, deliver } = row;
  return {
    name,
    source,
    patterns,
    where: attributes,
    match,
    deliver,
    pausedAt: row.paused_at,
    pausedAfter: row.paused_after,
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
