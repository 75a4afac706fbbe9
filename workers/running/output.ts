/** Encodes and checks results of handlers. */
import { stringifyJson } from "../../shared/celery/python_json.ts";
import { InvalidOutput, ResultTooLarge } from "../../shared/errors.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";

/** Validates the return value of a handler against its contract.
 *
 * @returns JSON text
 * @throws {InvalidOutput} if it violates the contract
 *
 * @example
 * ```ts
 * import { encodeOutput } from "./output.ts";
 * import { defineTask, z } from "../../shared/mod.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const output = z.object({ total: z.number() });
 * const sum = defineTask({ name: "sum", input: z.object({}), output });
 * assertEquals(encodeOutput(sum, { total: 3 }), '{"total":3}');
 * assertThrows(() => encodeOutput(sum, { total: "3" }), Error, "result.total: ");
 * ```
 */
export function encodeOutput(
  { name, output }: Pick<TaskContract, "name" | "output">,
  returned: unknown,
): string {
  if (!output) return stringifyJson(returned);
  const { success, data, error } = output.safeParse(returned);
  if (success) return stringifyJson(data);
  const issues = error.issues.map(({ path, message }) =>
    `${["result", ...path.map(String)].join(".")}: ${message}`
  );
  throw new InvalidOutput(
    `Cannot finish task '${name}' because the return value of its handler violates the contract's output (${
      issues.join("; ")
    }): return what the contract declares`,
  );
}

/** Checks the size of a result.
 *
 * @param json text of the result
 * @param maxBytes in UTF-8
 * @throws {ResultTooLarge}
 *
 * @example
 * ```ts
 * import { checkResultSize } from "./output.ts";
 * import { assertThrows } from "@std/assert";
 *
 * checkResultSize("total", "42", 2);
 * assertThrows(() => checkResultSize("total", '"\u00e9"', 3), Error, "more than 3 bytes");
 * ```
 */
export function checkResultSize(task: string, json: string, maxBytes: number): void {
  if (json.length * 3 <= maxBytes) return;
  if (json.length <= maxBytes && new TextEncoder().encode(json).length <= maxBytes) return;
  throw new ResultTooLarge(
    `Cannot finish task '${task}' because its result has more than ${maxBytes} bytes: return less data, store it elsewhere and return a reference, or raise CELERIAC_RESULT_MAX_BYTES`,
  );
}
