/** Binds positional and keyword arguments to one object and validates it against a contract. */
import type { z } from "zod";
import { WrongArguments } from "../errors.ts";
import type { TaskContract } from "./task.ts";

/** Binds positional arguments to the keys of the contract's input in their order, as Python binds parameters.
 *
 * @throws {WrongArguments} when there are too many, or one is given both ways
 *
 * @example
 * ```ts
 * import { bindArguments } from "./arguments.ts";
 * import { defineTask, z } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const add = defineTask({ name: "add", input: z.object({ x: z.number(), y: z.number() }) });
 * assertEquals(bindArguments(add, [2], { y: 3 }), { x: 2, y: 3 });
 * ```
 */
export function bindArguments(
  contract: TaskContract,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  if (args.length === 0) return kwargs;
  const keys = Object.keys(contract.input.shape);
  if (args.length > keys.length) {
    throw new WrongArguments(
      `Cannot bind ${args.length} positional arguments to task '${contract.name}' because it takes ${keys.length} at most: ${
        keys.join(", ") || "none"
      }`,
      `args.${keys.length}`,
    );
  }
  const bound: Record<string, unknown> = {};
  for (const [position, value] of args.entries()) {
    const key = keys[position]!;
    if (Object.hasOwn(kwargs, key)) {
      throw new WrongArguments(
        `Cannot bind argument '${key}' of task '${contract.name}' because it is given by position and by name: leave one out`,
        `kwargs.${key}`,
      );
    }
    bound[key] = value;
  }
  return Object.assign(bound, kwargs);
}

/** One validation error. */
export interface InputIssue {
  /** Dotted path, such as `kwargs.items.0.price`. */
  readonly field: string;
  readonly message: string;
}

/** Lists zod's issues by field.
 *
 * @param args number of positional arguments: their paths are `args.N`
 * @param before number of leading keys that other tasks provide */
export function inputIssues(
  contract: TaskContract,
  { issues }: Pick<z.ZodError, "issues">,
  args: number,
  before = 0,
): InputIssue[] {
  const keys = Object.keys(contract.input.shape);
  return issues.map(({ path, message }) => {
    const [key, ...deeper] = path.map(String);
    const position = key === undefined ? -1 : keys.indexOf(key);
    const field = key === undefined
      ? ["kwargs"]
      : position >= before && position < before + args
      ? ["args", String(position - before), ...deeper]
      : ["kwargs", key, ...deeper];
    return { field: field.join("."), message };
  });
}
