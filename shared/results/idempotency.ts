/** Idempotency keys: the same key gives the same id again. */
import type { Sql } from "../database/database.ts";

/** What a key means. */
export interface KeyedSubmission {
  /** The id that the key was given first. */
  readonly id: string;
  /** Whether the key was new. */
  readonly fresh: boolean;
  /** Whether the message is known to be durable. If not, publish it (again): ids make a duplicate harmless. */
  readonly published: boolean;
}

const BEGIN = `
  insert into celeriac.idempotency (key, body_hash, task_id) values ($1, $2, $3)
  on conflict do nothing returning key`;

const KNOWN = "select body_hash, task_id, published from celeriac.idempotency where key = $1";

const PUBLISHED = "update celeriac.idempotency set published = true where key = any($1::text[])";

/** The table of keys. */
export class Idempotency {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Commits key, body hash and id, before anything is published.
   *
   * @param key as the client sent it; made unique for each client by the caller
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
      );
      // It expired between the two statements: then it is new after all.
      if (!known) continue;
      if (known.body_hash !== bodyHash) return "mismatch";
      return { id: known.task_id, fresh: false, published: known.published };
    }
  }

  /** Notes that the messages of these keys are durable.
   *
   * @throws {DatabaseUnavailable} */
  async published(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#database.query(PUBLISHED, [[...keys]]);
  }
}
