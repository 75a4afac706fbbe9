/** Tokens of API keys: `celk_<id>_<secret><checksum>`.
 *
 * The id finds the key, the secret proves it, and the checksum finds typing errors and lets scanners of repositories
 * recognize a leaked token without asking the API.
 * @module
 */
import { createHash, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

/** First characters of every token. */
export const TOKEN_PREFIX = "celk_";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 12;
/** 32 characters of base62: 190 bits. */
const SECRET_LENGTH = 32;
/** 62 ** 6 > 2 ** 32. */
const CHECKSUM_LENGTH = 6;

const KEY_ID = new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}$`);

const TOKEN = new RegExp(
  `^${TOKEN_PREFIX}([0-9A-Za-z]{${ID_LENGTH}})_([0-9A-Za-z]{${SECRET_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

/** A token, or OAuth's parameter for one (RFC 6750, section 2.3), in a URL. */
export const TOKEN_IN_URL = new RegExp(
  `${TOKEN_PREFIX}[0-9A-Za-z]{${ID_LENGTH}}_|[?&]access_token=`,
);

/** The parts of a token. */
export interface Token {
  readonly id: string;
  readonly secret: string;
}

/** A new token. */
export interface MintedToken {
  readonly id: string;
  /** SHA-256 of the secret, to be stored. */
  readonly secretHash: Uint8Array;
  /** The whole token, to be shown once. */
  readonly text: string;
}

/** A random id of a key.
 *
 * @example
 * ```ts
 * import { isKeyId, newKeyId } from "./token.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isKeyId(newKeyId()));
 * ```
 */
export function newKeyId(): string {
  return randomText(ID_LENGTH);
}

/** Whether a text has the form of {@linkcode newKeyId}. */
export function isKeyId(text: string): boolean {
  return KEY_ID.test(text);
}

/** Creates a token.
 *
 * @param id default: a new one
 * @example
 * ```ts
 * import { mintToken, parseToken } from "./token.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { id, text } = mintToken();
 * assertEquals(parseToken(text)?.id, id);
 * ```
 */
export function mintToken(id: string = newKeyId()): MintedToken {
  const secret = randomText(SECRET_LENGTH);
  const body = `${TOKEN_PREFIX}${id}_${secret}`;
  return { id, secretHash: hashSecret(secret), text: body + checksum(body) };
}

/** Splits a token.
 *
 * @returns `undefined` when it is malformed or its checksum is wrong */
export function parseToken(text: string): Token | undefined {
  const [, id, secret, sum] = TOKEN.exec(text) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return checksum(`${TOKEN_PREFIX}${id}_${secret}`) === sum ? { id, secret } : undefined;
}

/** SHA-256 of a secret. A random secret of 190 bits needs no slow hash. */
export function hashSecret(secret: string): Uint8Array {
  return createHash("sha256").update(secret).digest();
}

function randomText(length: number): string {
  return Array.from({ length }, () => BASE62[randomInt(BASE62.length)]).join("");
}

function checksum(text: string): string {
  let rest = crc32(text);
  let written = "";
  for (let digit = 0; digit < CHECKSUM_LENGTH; digit++) {
    written = BASE62[rest % BASE62.length] + written;
    rest = Math.floor(rest / BASE62.length);
  }
  return written;
}
