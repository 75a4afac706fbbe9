/** Strict parsing of query parameters. */
import type { z } from "zod";
import { closest } from "../../shared/text/closest.ts";
import { Problem, refusal } from "./problem.ts";

/** Reads query parameters that are known and occur once.
 *
 * @throws {Problem} `invalid-input` naming every other parameter
 *
 * @example
 * ```ts
 * import { readQuery } from "./query.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(readQuery({ wait: ["5"] }, ["wait"]), { wait: "5" });
 * assertThrows(() => readQuery({ wiat: ["5"] }, ["wait"]), Error, "did you mean 'wait'");
 * ```
 */
export function readQuery(
  given: Readonly<Record<string, readonly string[]>>,
  known: readonly string[],
): Record<string, string> {
  const wrong: string[] = [];
  const query: Record<string, string> = {};
  for (const [name, [first = "", ...more]] of Object.entries(given)) {
    if (!known.includes(name) || more.length > 0) wrong.push(name);
    else query[name] = first;
  }
  if (wrong.length === 0) return query;
  throw refusal("the query", wrong, (name) => {
    if (known.includes(name)) return { field: name, message: "expected only once" };
    const near = closest(name, known);
    const hint = near ? `: did you mean '${near}'?` : "";
    return { field: name, message: `there is no such query parameter${hint}`, allowed: known };
  });
}

/** Reads query parameters by a schema.
 *
 * @throws {Problem} `invalid-input` naming every unknown, repeated or invalid parameter
 *
 * @example
 * ```ts
 * import { parseQuery } from "./query.ts";
 * import { z } from "zod";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const List = z.object({ limit: z.coerce.number().max(1000) }).partial();
 * assertEquals(parseQuery(List, { limit: ["5"] }), { limit: 5 });
 * assertThrows(() => parseQuery(List, { limit: ["5000"] }), Error, "limit");
 * ```
 */
export function parseQuery<Shape extends z.ZodObject>(
  schema: Shape,
  given: Readonly<Record<string, readonly string[]>>,
): z.output<Shape> {
  const parsed = schema.safeParse(readQuery(given, Object.keys(schema.shape)));
  if (parsed.success) return parsed.data;
  throw refusal("the query", parsed.error.issues, (issue) => ({
    field: issue.path.join("."),
    message: issue.message,
    ...("values" in issue && { allowed: issue.values.map(String) }),
  }));
}

/** The problem for an unknown id. */
export function noRecord(id: string): Problem {
  return new Problem(
    "no-record",
    `Cannot find a record of task '${
      id.slice(0, 255)
    }': it was never submitted here, keeps no result, or is older than the retention`,
  );
}
