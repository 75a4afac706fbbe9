/** Reads and changes keys on behalf of a request. */
import type { Context } from "hono";
import type { z } from "zod";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import {
  expiryOf,
  GRACE,
  type KeyBody,
  newKey,
  requireCover,
  type RotationBody,
} from "../access/key_body.ts";
import type { KeySnapshot } from "../access/key_snapshot.ts";
import type { Key, KeyStore } from "../access/key_store.ts";
import { callerOf } from "../access/request_caller.ts";
import { mintToken } from "../access/token.ts";
import { isLabel } from "../http/label.ts";
import { Problem } from "../http/problem.ts";

/** Dependencies of {@linkcode KeyActions}. */
export interface KeyParts {
  readonly keys: Pick<KeyStore, "create" | "list" | "find" | "rotate" | "revoke">;
  readonly snapshot: Pick<KeySnapshot, "refresh">;
  readonly trail: AuditTrail;
  readonly clock: Clock;
}

/** A key with its token, which is shown once. */
export interface CreatedKey {
  readonly key: Key;
  readonly token: string;
}

/** Creates, finds, rotates and revokes keys. No caller makes a key with more rights than its own. */
export class KeyActions {
  readonly #parts: KeyParts;

  constructor(parts: KeyParts) {
    this.#parts = parts;
  }

  /** Lists keys, oldest first.
   *
   * @param options.after id of the last key of the previous page; default: from the start */
  async list(
    { limit, after = "" }: { readonly limit: number; readonly after?: string },
  ): Promise<{ readonly keys: Key[]; readonly next: string | null }> {
    const page = await this.#parts.keys.list({ after, limit: limit + 1 });
    const keys = page.slice(0, limit);
    return { keys, next: page.length > limit ? keys.at(-1)!.id : null };
  }

  /** @throws {Problem} `no-key` */
  async find(id: string): Promise<Key> {
    const key = isLabel(id) ? await this.#parts.keys.find(id) : undefined;
    if (key) return key;
    throw new Problem(
      "no-key",
      `Cannot find key '${id.slice(0, 200)}': GET /v1/keys lists all keys`,
    );
  }

  /** Creates a key.
   *
   * @param id its id, so that a repeated request makes one key only; default: a new one
   * @throws {Problem} `forbidden`, or `key-exists` */
  async create(c: Context, given: z.output<typeof KeyBody>, id?: string): Promise<CreatedKey> {
    const { keys, trail, clock } = this.#parts;
    const key = newKey(given, callerOf(c), clock.now());
    const token = mintToken(id);
    const { name, scopes, tasks, queues } = key;
    await trail.begin(c, { target: token.id, filter: { name, scopes, tasks, queues } });
    const created = await keys.create(token, key);
    if (!created) {
      throw new Problem(
        "key-exists",
        `Cannot create key '${token.id}' because this form has created it already: rotate it for a token that you can copy, or open the form again`,
      );
    }
    await this.#apply();
    return { key: created, token: token.text };
  }

  /** Creates the successor of a key.
   *
   * @throws {Problem} `no-key`, `forbidden`, or `key-ended` */
  async rotate(
    c: Context,
    id: string,
    { grace = GRACE, expires_in }: z.output<typeof RotationBody> = {},
  ): Promise<CreatedKey> {
    const { keys, trail, clock } = this.#parts;
    const caller = callerOf(c);
    const old = await this.find(id);
    const expiresAt = expiryOf(expires_in, caller.rights, clock.now());
    requireCover(caller, { ...old, expiresAt }, "rotate the key");
    const token = mintToken();
    await trail.begin(c, { target: old.id, filter: { successor: token.id, grace } });
    const key = await keys.rotate(old.id, { token, grace, by: caller.id, expiresAt });
    if (!key) throw ended(old);
    await this.#apply();
    return { key, token: token.text };
  }

  /** @throws {Problem} `no-key`, or `forbidden` */
  async revoke(c: Context, id: string): Promise<Key> {
    const { keys, trail } = this.#parts;
    const caller = callerOf(c);
    const key = await this.find(id);
    // The own expiry does not matter: to end a key early is no right.
    requireCover(caller, { ...key, expiresAt: caller.rights.expiresAt }, "revoke a key");
    await trail.begin(c, { target: key.id });
    const revoked = await keys.revoke(key.id, caller.id);
    await this.#apply();
    return revoked ?? key;
  }

  /** This process applies the change now, the others within seconds. */
  #apply(): Promise<void> {
    return this.#parts.snapshot.refresh().catch(() => {});
  }
}

function ended({ id, successor, revokedAt }: Key): Problem {
  const reason = revokedAt
    ? "it was revoked"
    : successor
    ? `it was rotated to '${successor}'`
    : "it has expired";
  return new Problem(
    "key-ended",
    `Cannot rotate key '${id}' because ${reason}: rotate its successor, or create a key`,
  );
}
