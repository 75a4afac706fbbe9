/** Passwords of broker users, from environment values or the files that they name. */
import { ConfigurationError } from "../../shared/errors.ts";
import { unreadable } from "../../shared/config/secret_file.ts";
import { hashPassword, isHashOf, parseHash, type PasswordHash } from "./password.ts";
import type { BrokerUser } from "./users.ts";

/** Sources of secrets. */
export interface SecretSource {
  /** Value of an environment variable. */
  env(name: string): string | undefined;
  /** Text of a file named by a `_FILE` variable. */
  readFile(path: string): string | Promise<string>;
}

/** Variable that holds a user's password. The same with `_FILE` names a file that holds it; `CELERIAC_BROKER_PASSWORD_HASH_...`
 * takes RabbitMQ's own hash instead of the password.
 *
 * @example
 * ```ts
 * import { passwordVariable } from "./secrets.ts";
 * import { brokerUsers } from "./users.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(brokerUsers().map(passwordVariable)[1], "CELERIAC_BROKER_PASSWORD_API");
 * ```
 */
export function passwordVariable(user: BrokerUser): string {
  return `CELERIAC_BROKER_PASSWORD_${suffix(user)}`;
}

/** All variables that may hold a user's password or its hash; set one of them.
 *
 * @example
 * ```ts
 * import { passwordVariables } from "./secrets.ts";
 * import { brokerUsers } from "./users.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const [, api] = brokerUsers();
 * assertEquals(passwordVariables(api!), [
 *   "CELERIAC_BROKER_PASSWORD_API",
 *   "CELERIAC_BROKER_PASSWORD_API_FILE",
 *   "CELERIAC_BROKER_PASSWORD_HASH_API",
 *   "CELERIAC_BROKER_PASSWORD_HASH_API_FILE",
 * ]);
 * ```
 */
export function passwordVariables(user: BrokerUser): string[] {
  const password = passwordVariable(user);
  const hash = hashVariable(user);
  return [password, `${password}_FILE`, hash, `${hash}_FILE`];
}

/** The hash to store for a user, or `undefined` if no variable is set. Empty values count as not set.
 *
 * @param stored the broker's current hash: kept if it belongs to the same password, so that nothing changes
 * @throws {ConfigurationError} when two variables are set for one user, a file cannot be read or a hash is invalid
 * @throws {SecretMissing} when a file does not exist */
export async function hashFor(
  user: BrokerUser,
  source: SecretSource,
  stored?: PasswordHash,
): Promise<PasswordHash | undefined> {
  const password = passwordVariable(user);
  const hash = hashVariable(user);
  const names = passwordVariables(user).filter((name) => source.env(name));
  const [name, other] = names;
  if (name === undefined) return undefined;
  if (other !== undefined) {
    throw new ConfigurationError(
      `Cannot choose the password of user '${user.name}' because ${name} and ${other} are both set: unset one`,
    );
  }
  const secret = await secretOf(name, source);
  if (name.startsWith(hash)) {
    const ready = parseHash(secret);
    if (ready) return ready;
    throw new ConfigurationError(
      `Cannot use ${name} because it is no RabbitMQ hash of SHA-256 or SHA-512 in base64: give the password in ${password} instead`,
    );
  }
  return stored && await isHashOf(secret, stored) ? stored : await hashPassword(secret);
}

async function secretOf(name: string, source: SecretSource): Promise<string> {
  const value = source.env(name) ?? "";
  if (!name.endsWith("_FILE")) return value;
  let text: string;
  try {
    text = (await source.readFile(value)).replace(/\r?\n$/, "");
  } catch (cause) {
    throw unreadable(value, name.slice(0, -"_FILE".length), cause);
  }
  if (text === "") {
    throw new ConfigurationError(
      `Cannot use the file of ${name} because it is empty: write the secret to it`,
    );
  }
  return text;
}

function hashVariable(user: BrokerUser): string {
  return `CELERIAC_BROKER_PASSWORD_HASH_${suffix(user)}`;
}

function suffix({ role }: BrokerUser): string {
  return role.toUpperCase();
}
