/** Files with secrets, named by the `_FILE` variables.
 * @module
 */
import { ConfigurationError, SecretMissing } from "../errors.ts";

/** The error for an unreadable secret file.
 *
 * @param variable the variable that the file's text replaces, without `_FILE`
 *
 * @example
 * ```ts
 * import { unreadable } from "./secret_file.ts";
 * import { SecretMissing } from "../errors.ts";
 * import { assert } from "@std/assert";
 *
 * const error = unreadable("/run/secrets/url", "AMQP_URL", new Deno.errors.NotFound("No such file"));
 * assert(error instanceof SecretMissing && error.path === "/run/secrets/url");
 * ```
 */
export function unreadable(path: string, variable: string, cause: unknown): ConfigurationError {
  const missing = cause instanceof Deno.errors.NotFound;
  const why = missing ? "there is no such file" : (cause as Error).message;
  const text =
    `Cannot read '${path}' because ${why}: write the value of ${variable} to it, or correct ${variable}_FILE (on Kubernetes: make the Secrets by \`deno task secrets\`)`;
  return missing
    ? new SecretMissing(text, path, { cause })
    : new ConfigurationError(text, { cause });
}
