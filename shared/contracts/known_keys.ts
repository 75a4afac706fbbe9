/** Rejects unknown keys: they are mistakes, not comments. */
import { closest } from "../text/closest.ts";
import { ConfigurationError } from "../errors.ts";

/** Rejects an object with unknown keys.
 *
 * @param options.doing the action that fails, such as `define task 'greet'`
 * @param options.within the key that holds the object; absent = the whole
 * @param options.synonyms names that other systems use, with our keys
 * @throws {ConfigurationError} naming the key, and the nearest known one
 *
 * @example
 * ```ts
 * import { refuseUnknownKeys } from "./known_keys.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const options = { doing: "define task 'greet'", within: "timeLimit" };
 * assertThrows(
 *   () => refuseUnknownKeys({ sofft: 1 }, ["soft", "hard"], options),
 *   Error,
 *   "Cannot define task 'greet' because its 'timeLimit' has no key 'sofft': did you mean 'soft'?",
 * );
 * ```
 */
export function refuseUnknownKeys(
  given: unknown,
  known: readonly string[],
  { doing, within, synonyms = {} }: {
    doing: string;
    within?: string;
    synonyms?: Readonly<Record<string, string>>;
  },
): void {
  const owner = within === undefined ? "it" : `its '${within}'`;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new ConfigurationError(
      `Cannot ${doing} because ${owner} is not an object: give { ${known.slice(0, 3).join(", ")} }`,
    );
  }
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    const near = synonyms[key] ?? closest(key, known);
    throw new ConfigurationError(
      `Cannot ${doing} because ${owner} has no key '${key}': ${
        near ? `did you mean '${near}'?` : `choose from ${known.join(", ")}`
      }`,
    );
  }
}
