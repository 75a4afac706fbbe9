/** Idempotency keys: requests with the same key get the same id. */
import type { QueryOptions, Sql } from "../database/database.ts";

/** The submission of a key. */
export interface KeyedSubmission {
  /** The id from the first request with the key. */
  readonly id: string;
  /** Whether the key was new. */
  readonly fresh: boolean;
  /** Whether the message is durable. If not, publish it (again): duplicates have the same id and are harmless. */
  readonly published: boolean;
}

const BEGIN = `
  insert into celeriac.idempotency (key, body_hash, task_id) values ($1, $2, $3)
  on conflict do nothing returning key`;

const KNOWN = "select body_hash, task_id, published from celeriac.idempotency where key = $1";

const PUBLISHED = "update celeriac.idempotency set published = true where key = any($1::text[])";

/** Reads by key are planned for each call: a plan made for the empty table reads all keys. */
const PLANNED: QueryOptions = { replan: true };

/** Reads and writes the table of keys. */
export class Idempotency {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Commits key, body hash and id before anything is published.
   *
   * @param key the client's key, made unique per client by the caller
   * @param newId the id if the key is new
   * @returns `mismatch` when the key was used with another body
   * @throws {DatabaseUnavailable} */
  async begin(key: string, bodyHash: string, newId: string): Promise<KeyedSubmission | "mismatch"> {
    for (;;) {
      const inserted = await this.#database.query(BEGIN, [key, bodyHash, newId]);
      if (inserted.length > 0) return { id: newId, fresh: true, published: false };
      const [known] = await this.#database.query<
        { body_hash: string; task_id: string; published: boolean }
      >(
        KNOWN,
        [key],
        PLANNED,
      );
      // The key expired between the two statements: insert it as new.
      if (!known) continue;
      if (known.body_hash !== bodyHash) return "mismatch";
      return { id: known.task_id, fresh: false, published: known.published };
    }
  }

  /** Records that the messages of these keys are durable.
   *
   * @throws {DatabaseUnavailable} */
  async published(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#database.query(PUBLISHED, [[...keys]], PLANNED);
  }
}
