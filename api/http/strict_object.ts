/** Errors of objects with a strict schema: unknown names and invalid values. */
import type { z } from "zod";
import { closest } from "../../shared/text/closest.ts";
import { type Problem, refusal } from "./problem.ts";

/** Describes the object. */
export interface StrictObject {
  /** As in {@linkcode refusal}. */
  readonly what: string;
  /** Path of the object in the body; absent for the body itself. */
  readonly field?: string;
  /** Known names. */
  readonly known: readonly string[];
  /** Error message for an unknown name, before the hint. */
  readonly unknown: string;
}

/** Creates the problem for an object that its strict schema rejects: one error for each unknown name and each invalid value.
 *
 * @example
 * ```ts
 * import { strictRefusal } from "./strict_object.ts";
 * import { z } from "zod";
 * import { assertEquals } from "@std/assert";
 *
 * const { error } = z.strictObject({ size: z.number() }).safeParse({ size: 1, siez: 1 });
 * const { errors } = strictRefusal(error!, { what: "the box", known: ["size"], unknown: "there is no such name" });
 * assertEquals(errors[0]?.message, "there is no such name: did you mean 'size'?");
 * ```
 */
export function strictRefusal(
  { issues }: z.core.$ZodError,
  { what, field, known, unknown }: StrictObject,
): Problem {
  const under = (path: readonly PropertyKey[]) =>
    [...(field === undefined ? [] : [field]), ...path.map(String)].join(".") || "body";
  const reasons = issues.flatMap((issue): { path: PropertyKey[]; message?: string }[] =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: [...issue.path, key] }))
      : [issue]
  );
  return refusal(what, reasons, ({ path, message }) => {
    if (message !== undefined) return { field: under(path), message };
    const near = closest(String(path.at(-1)), known);
    const hint = near ? `: did you mean '${near}'?` : "";
    return { field: under(path), message: `${unknown}${hint}`, allowed: known };
  });
}
