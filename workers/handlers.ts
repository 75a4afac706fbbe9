/** Handlers: the functions behind the contracts. */
import type { z } from "zod";
import { ConfigurationError } from "../shared/errors.ts";
import type { Registry } from "../shared/contracts/registry.ts";
import { isContract, type TaskContract } from "../shared/contracts/task.ts";
import type { Completion } from "./running/completion.ts";
import type { Context } from "./running/context.ts";
import type { Replacement } from "./running/replacement.ts";

const HANDLER = Symbol.for("celeriac.handler");

/** Return value of a handler: the result, the value of `context.complete()` or `context.replace()`, or a promise of one of them. */
export type Answer<Output extends z.ZodType> =
  | z.input<Output>
  | Completion<z.input<Output>>
  | Replacement
  | Promise<z.input<Output> | Completion<z.input<Output>> | Replacement>;

/** A contract and the function that implements it. */
export interface Handler<
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodType = z.ZodType,
  Returned = Answer<Output>,
> {
  /** The implemented contract. */
  readonly contract: TaskContract<Input, Output>;
  /** Runs one attempt with input that the contract's schema has parsed. */
  run(
    input: z.output<Input>,
    context: Context,
  ): Returned;
}

/** Implements a contract with a function.
 *
 * The function receives the parsed input and returns a value for the output schema, or a promise of it.
 * An attempt fails if the function throws. Throw {@linkcode Retry}, {@linkcode Reject} or {@linkcode Ignore} to choose the outcome.
 *
 * @example
 * ```ts
 * import { handle } from "./handlers.ts";
 * import { defineTask, z } from "../shared/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const greet = defineTask({ name: "greet", input: z.object({ who: z.string() }) });
 * const handler = handle(greet, ({ who }) => `Hello, ${who}`);
 * assertEquals(handler.contract.name, "greet");
 * ```
 */
export function handle<
  Input extends z.ZodObject,
  Output extends z.ZodType,
  Returned extends Answer<Output>,
>(
  contract: TaskContract<Input, Output>,
  fn: (
    input: z.output<Input>,
    context: Context,
  ) => Returned,
): Handler<Input, Output, Returned> {
  if (!isContract(contract)) {
    throw new ConfigurationError(
      "Cannot handle a task because the first argument is no contract: give what defineTask() returns",
    );
  }
  if (typeof fn !== "function") {
    throw new ConfigurationError(
      `Cannot handle task '${contract.name}' because its handler is no function: give (input, context) => result`,
    );
  }
  return Object.freeze({ contract, run: fn, [HANDLER]: true });
}

/** Whether a value is a handler, from any copy of this package. */
export function isHandler(value: unknown): value is Handler {
  return typeof value === "object" && value !== null && HANDLER in value;
}

/** The handlers of one app, by task name. */
export class Handlers {
  readonly #handlers = new Map<string, Handler>();

  /** @throws {ConfigurationError} if two handlers implement one task */
  constructor(handlers: Iterable<Handler>) {
    for (const handler of handlers) {
      const { name } = handler.contract;
      const other = this.#handlers.get(name);
      if (other === handler) continue;
      if (other) {
        throw new ConfigurationError(
          `Cannot handle task '${name}' because two handlers are exported for it: remove one of them`,
        );
      }
      this.#handlers.set(name, handler);
    }
  }

  /** Collects all handlers that a module exports, directly or in an array.
   *
   * @throws {ConfigurationError} if there is none, if two implement one task, or if the contract of one is not registered */
  static fromModule(
    exports: Record<string, unknown>,
    specifier: string,
    registry: Registry,
  ): Handlers {
    const found = Object.values(exports).flat().filter(isHandler);
    if (found.length === 0) {
      throw new ConfigurationError(
        `Cannot use handlers module '${specifier}' because it exports no handler: export what handle() returns`,
      );
    }
    for (const { contract } of found) {
      if (registry.get(contract.name)) continue;
      throw new ConfigurationError(
        `Cannot use handlers module '${specifier}' because the contracts module has no task '${contract.name}': export its contract there`,
      );
    }
    return new Handlers(found);
  }

  get(name: string): Handler | undefined {
    return this.#handlers.get(name);
  }

  [Symbol.iterator](): Iterator<Handler> {
    return this.#handlers.values();
  }
}
