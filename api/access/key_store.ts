/** The table of API keys: create, list, rotate, revoke. */
import type { Sql } from "../../shared/database/database.ts";
import type { Rights } from "./caller.ts";
import type { MintedToken } from "./token.ts";

/** A key without its secret. Times are by the database's clock. */
export interface Key extends Rights {
  readonly id: string;
  readonly name: string;
  /** Caller that created it, such as `root` or `key:ID`. */
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly rotatedAt: Date | null;
  /** Id of the key that replaces it. */
  readonly successor: string | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  readonly lastUsedAt: Date | null;
}

/** A key as the API checks it. */
export interface CheckedKey extends Key {
  readonly secretHash: Uint8Array;
}

/** A key to create. */
export interface NewKey extends Rights {
  readonly name: string;
  readonly createdBy: string;
}

interface KeyRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly tasks: readonly string[];
  readonly queues: readonly string[];
  readonly requests_per_minute: number | null;
  readonly created_by: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly rotated_at: Date | null;
  readonly successor: string | null;
  readonly revoked_at: Date | null;
  readonly revoked_by: string | null;
  readonly last_used_at: Date | null;
  readonly secret_hash?: Uint8Array;
}

const COLUMNS = `
  id, name, to_json(scopes) as scopes, to_json(tasks) as tasks, to_json(queues) as queues, requests_per_minute,
  created_by, created_at, expires_at, rotated_at, successor, revoked_at, revoked_by, last_used_at`;

// The form of the page contains the id, so that a second press of its button makes no second key.
const CREATE = `
  insert into celeriac.access_key
    (id, name, secret_hash, scopes, tasks, queues, requests_per_minute, created_by, expires_at)
  values ($1, $2, $3, $4::text[], $5::text[], $6::text[], $7, $8, $9)
  on conflict (id) do nothing
  returning ${COLUMNS}`;

const LIST = `
  select ${COLUMNS} from celeriac.access_key
  where (created_at, id) > (
    coalesce((select created_at from celeriac.access_key where id = $1), '-infinity'), $1)
  order by created_at, id limit $2`;

const FIND = `select ${COLUMNS} from celeriac.access_key where id = $1`;

// A key whose grace or life is over is not read; revoked ones are, so that their callers learn the reason.
const CHECKED = `
  select ${COLUMNS}, secret_hash from celeriac.access_key
  where coalesce(expires_at, 'infinity') > now() - interval '1 day'
    and coalesce(revoked_at, 'infinity') > now() - interval '1 day'`;

// The successor is inserted in the same statement: none exists without its predecessor's new expiry.
const ROTATE = `
  with rotated as (
    update celeriac.access_key
    set successor = $2, rotated_at = now(),
      expires_at = least(expires_at, now() + $4 * interval '1 second')
    where id = $1 and successor is null and revoked_at is null
      and coalesce(expires_at, 'infinity') > now()
    returning *
  )
  insert into celeriac.access_key
    (id, name, secret_hash, scopes, tasks, queues, requests_per_minute, created_by, expires_at)
  select $2, name, $3, scopes, tasks, queues, requests_per_minute, $5, $6 from rotated
  returning ${COLUMNS}`;

const REVOKE = `
  update celeriac.access_key
  set revoked_at = coalesce(revoked_at, now()), revoked_by = coalesce(revoked_by, $2)
  where id = $1
  returning ${COLUMNS}`;

const TOUCH = `
  update celeriac.access_key as key
  set last_used_at = greatest(key.last_used_at, used.at)
  from json_to_recordset($1::text::json) as used (id text, at timestamptz)
  where key.id = used.id`;

/** Options of a rotation. */
export interface Rotation {
  readonly token: MintedToken;
  /** Seconds until the old key expires. */
  readonly grace: number;
  readonly by: string;
  /** Expiry of the successor. */
  readonly expiresAt: Date | null;
}

/** Reads and writes keys. */
export class KeyStore {
  readonly #database: Pick<Sql, "query">;

  constructor({ database }: { database: Pick<Sql, "query"> }) {
    this.#database = database;
  }

  /** Stores a key.
   *
   * @returns `undefined` if a key has the id already
   * @throws {DatabaseUnavailable} */
  async create({ id, secretHash }: MintedToken, key: NewKey): Promise<Key | undefined> {
    const { name, scopes, tasks, queues, requestsPerMinute, createdBy, expiresAt } = key;
    const [row] = await this.#database.query<KeyRow>(CREATE, [
      id,
      name,
      secretHash,
      scopes,
      tasks,
      queues,
      requestsPerMinute,
      createdBy,
      expiresAt,
    ]);
    return row && toKey(row);
  }

  /** Lists keys, oldest first, with revoked and expired ones.
   *
   * @param after id of the last key of the previous page
   * @throws {DatabaseUnavailable} */
  async list({ after = "", limit }: { after?: string; limit: number }): Promise<Key[]> {
    return (await this.#database.query<KeyRow>(LIST, [after, limit])).map(toKey);
  }

  /** @throws {DatabaseUnavailable} */
  async find(id: string): Promise<Key | undefined> {
    const [row] = await this.#database.query<KeyRow>(FIND, [id]);
    return row && toKey(row);
  }

  /** All keys that may authenticate a request, and those that ended within the last day.
   *
   * @throws {DatabaseUnavailable} */
  async checked(): Promise<CheckedKey[]> {
    const rows = await this.#database.query<KeyRow>(CHECKED);
    return rows.map((row) => ({ ...toKey(row), secretHash: row.secret_hash! }));
  }

  /** Creates the successor of a key, with the same rights. The old key expires after the grace, or earlier.
   *
   * @returns `undefined` when the key does not exist, has ended, or has a successor
   * @throws {DatabaseUnavailable} */
  async rotate(id: string, { token, grace, by, expiresAt }: Rotation): Promise<Key | undefined> {
    const values = [id, token.id, token.secretHash, grace, by, expiresAt];
    const [row] = await this.#database.query<KeyRow>(ROTATE, values);
    return row && toKey(row);
  }

  /** Revokes a key. Idempotent.
   *
   * @returns `undefined` when it does not exist
   * @throws {DatabaseUnavailable} */
  async revoke(id: string, by: string): Promise<Key | undefined> {
    const [row] = await this.#database.query<KeyRow>(REVOKE, [id, by]);
    return row && toKey(row);
  }

  /** Stores the time of the last use of keys, by id.
   *
   * @throws {DatabaseUnavailable} */
  async touch(used: ReadonlyMap<string, Date>): Promise<void> {
    if (used.size === 0) return;
    const rows = Array.from(used, ([id, at]) => ({ id, at }));
    await this.#database.query(TOUCH, [JSON.stringify(rows)]);
  }
}

function toKey(row: KeyRow): Key {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    tasks: row.tasks,
    queues: row.queues,
    requestsPerMinute: row.requests_per_minute,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    rotatedAt: row.rotated_at,
    successor: row.successor,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    lastUsedAt: row.last_used_at,
  };
}
