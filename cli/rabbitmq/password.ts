/** RabbitMQ's password hashes: base64(salt | H(salt | UTF-8 password)), salt of 4 bytes.
 *
 * Source: RabbitMQ documentation, "Credentials and Passwords".
 * @module
 */
/** A hash as a definitions document holds it. */
export interface PasswordHash {
  readonly password_hash: string;
  readonly hashing_algorithm: string;
}

const SALT_BYTES = 4;
const DIGESTS = new Map([
  ["rabbit_password_hashing_sha256", { digest: "SHA-256", bytes: 32 }],
  ["rabbit_password_hashing_sha512", { digest: "SHA-512", bytes: 64 }],
]);
const DEFAULT_ALGORITHM = "rabbit_password_hashing_sha256";

/** Hashes a password.
 *
 * @param salt 4 bytes; random by default
 * @param algorithm RabbitMQ's name of it; SHA-256 by default
 *
 * @example
 * ```ts
 * import { hashPassword } from "./password.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const salt = Uint8Array.of(0x90, 0x8d, 0xc6, 0x0a);
 * const { password_hash } = await hashPassword("test12", salt);
 * assertEquals(password_hash, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
 * ```
 */
export async function hashPassword(
  password: string,
  salt: Uint8Array = crypto.getRandomValues(new Uint8Array(SALT_BYTES)),
  algorithm: string = DEFAULT_ALGORITHM,
): Promise<PasswordHash> {
  const digest = DIGESTS.get(algorithm)?.digest;
  if (digest === undefined) throw new RangeError(`Cannot hash with ${algorithm}`);
  const hash = await crypto.subtle.digest(
    digest,
    Uint8Array.of(...salt, ...new TextEncoder().encode(password)),
  );
  return {
    password_hash: Uint8Array.of(...salt, ...new Uint8Array(hash)).toBase64(),
    hashing_algorithm: algorithm,
  };
}

/** Parses a hash; its length determines the algorithm. `undefined` when it is invalid. */
export function parseHash(text: string): PasswordHash | undefined {
  const length = decoded(text)?.length ?? 0;
  for (const [hashing_algorithm, { bytes }] of DIGESTS) {
    if (length === SALT_BYTES + bytes) return { password_hash: text, hashing_algorithm };
  }
  return undefined;
}

/** Whether a hash was made of this password. */
export async function isHashOf(password: string, stored: PasswordHash): Promise<boolean> {
  const salt = decoded(stored.password_hash)?.subarray(0, SALT_BYTES);
  if (salt === undefined || !DIGESTS.has(stored.hashing_algorithm)) return false;
  const { password_hash } = await hashPassword(password, salt, stored.hashing_algorithm);
  return password_hash === stored.password_hash;
}

function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}
