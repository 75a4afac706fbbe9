/** Paths in Deno's permission flags. */
import { relative, resolve } from "node:path";
import { ConfigurationError } from "../../shared/errors.ts";

/** Returns a path as an entry of `--allow-read` or `--allow-write`, where a comma separates entries: a path that contains
 * one is written from the working directory.
 *
 * @throws {ConfigurationError} when that contains a comma too
 *
 * @example
 * ```ts
 * import { pathEntry } from "./permission_path.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(pathEntry("/srv/my app", "/srv"), "/srv/my app");
 * assertEquals(pathEntry("/srv/a,b", "/srv/a,b"), ".");
 * assertThrows(() => pathEntry("/srv/a,b", "/home"), Error, "rename");
 * ```
 */
export function pathEntry(path: string, workingDirectory: string): string {
  const whole = resolve(workingDirectory, path);
  if (!whole.includes(",")) return whole;
  const entry = relative(workingDirectory, whole) || ".";
  if (!entry.includes(",")) return entry;
  throw new ConfigurationError(
    `Cannot permit access to '${whole}' because Deno separates paths by commas: rename the folder, or start in it`,
  );
}
