/** Finds the caller of a request by its `Authorization` header. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../shared/runtime/clock.ts";
import { Caller, EVERYONE, ROOT } from "./caller.ts";
import { JwtRefused, JwtVerifier } from "./jwt.ts";
import type { CheckedKey } from "./key_store.ts";
import type { KeySnapshot } from "./key_snapshot.ts";
import { hashSecret, parseToken, TOKEN_PREFIX } from "./token.ts";

/** Options of an {@linkcode Authenticator}. */
export interface AuthenticatorOptions {
  /** The operator's token, with all rights. */
  readonly token?: string;
  /** Valid keys. */
  readonly keys: Pick<KeySnapshot, "find" | "use">;
  /** Verifies JWTs. Absent: none are accepted. */
  readonly jwt?: Pick<JwtVerifier, "verify">;
  readonly clock: Clock;
}

/** The result: the caller, or why there is none. */
export type Authentication =
  | { readonly caller: Caller; readonly reason?: undefined; readonly former?: undefined }
  | {
    readonly caller?: undefined;
    readonly reason: string;
    /** The owner of a key that has ended. */
    readonly former?: Caller;
  };

const NO_CREDENTIALS = "it has no token";

/** Begin of the id of a caller with a key. */
const KEY_CALLER = "key:";

/** Compared for unknown ids, so that they take as long as known ones. */
const DUMMY = hashSecret("");

/** Checks the operator's token, keys and JWTs. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #root: Uint8Array | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#root = options.token === undefined ? undefined : digest(options.token);
  }

  /** Whether requests need credentials. */
  get secured(): boolean {
    return this.#root !== undefined || this.#options.jwt !== undefined;
  }

  /** @param header value of `Authorization`
   * @param reading whether the request only reads. Then the credentials may also be the password of Basic
   *   authentication, so that a browser can open pages. Otherwise not, because a browser also sends such a
   *   password with requests from other sites
   * @throws {Unavailable} when keys or JWTs cannot be checked now */
  async authenticate(header: string | undefined, reading: boolean): Promise<Authentication> {
    const shown = header === undefined ? undefined : shownToken(header, reading);
    if (shown?.startsWith(TOKEN_PREFIX) && !this.#isRoot(shown)) return await this.#byKey(shown);
    // Without authentication, a key limits its caller, so that its rights can be tried; other credentials mean nothing.
    if (!this.secured) return { caller: EVERYONE };
    if (shown === undefined) return { reason: NO_CREDENTIALS };
    if (this.#isRoot(shown)) return { caller: ROOT };
    const { jwt } = this.#options;
    if (!jwt || !JwtVerifier.recognizes(shown)) return { reason: "its token is not valid" };
    try {
      return { caller: await jwt.verify(shown) };
    } catch (error) {
      if (error instanceof JwtRefused) return { reason: error.message };
      throw error;
    }
  }

  /** Whether the rights of a caller that has been authenticated have not ended. While keys cannot be checked, they have not. */
  async isCurrent({ id, rights }: Caller): Promise<boolean> {
    const { keys, clock } = this.#options;
    if (rights.expiresAt !== null && rights.expiresAt <= clock.now()) return false;
    if (!id.startsWith(KEY_CALLER)) return true;
    try {
      const key = await keys.find(id.slice(KEY_CALLER.length));
      return key !== undefined && endOf(key, clock.now()) === undefined;
    } catch {
      return true;
    }
  }

  #isRoot(shown: string): boolean {
    return this.#root !== undefined && timingSafeEqual(digest(shown), this.#root);
  }

  async #byKey(text: string): Promise<Authentication> {
    const { keys, clock } = this.#options;
    const token = parseToken(text);
    if (!token) return { reason: "its key is mistyped" };
    const key = await keys.find(token.id);
    const matches = timingSafeEqual(hashSecret(token.secret), key?.secretHash ?? DUMMY);
    if (!key || !matches) return { reason: "its key is unknown" };
    const ended = endOf(key, clock.now());
    if (ended) return { reason: ended, former: callerOfKey(key) };
    keys.use(key.id);
    return { caller: callerOfKey(key) };
  }
}

/** Patterns are compiled once per key. */
const callers = new WeakMap<CheckedKey, Caller>();

function callerOfKey(key: CheckedKey): Caller {
  const known = callers.get(key);
  if (known) return known;
  const caller = new Caller(`${KEY_CALLER}${key.id}`, key.name, key);
  callers.set(key, caller);
  return caller;
}

function endOf(
  { name, revokedAt, expiresAt, successor }: CheckedKey,
  now: Date,
): string | undefined {
  if (revokedAt) return `the key '${name}' was revoked`;
  if (expiresAt && expiresAt <= now) {
    return successor ? `the key '${name}' was rotated` : `the key '${name}' has expired`;
  }
}

function shownToken(header: string, reading: boolean): string | undefined {
  const [, scheme = "", credentials = ""] = /^(\S+) +(\S+)$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case "bearer":
      return credentials;
    case "basic":
      return reading ? passwordOf(credentials) : undefined;
  }
}

function passwordOf(credentials: string): string | undefined {
  try {
    const pair = new TextDecoder().decode(Uint8Array.fromBase64(credentials));
    return pair.slice(pair.indexOf(":") + 1);
  } catch {
    return undefined;
  }
}

/** Hashes to a fixed length for a comparison in constant time. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
