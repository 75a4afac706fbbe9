/** Runs a task again under a new id, with the arguments in its record. */
import { reprJson } from "../../../shared/celery/read_repr.ts";
import type { TaskRecord } from "../../../shared/results/result.ts";
import { parseStrict } from "../../http/strict_json.ts";

/** Arguments of a submission. */
export interface Input {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** The arguments of a record as JSON values; `undefined` if the record lacks some of them, or if a number would lose digits.
 *
 * @example
 * ```ts
 * import { inputOf } from "./rerun.ts";
 * import { pendingRecord } from "../../reading/record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const record = pendingRecord("a", new Date());
 * const complete = { ...record, argsRepr: "()", kwargsRepr: "{'x': 1}" };
 * assertEquals(inputOf(complete), { args: [], kwargs: { x: 1 } });
 * assertEquals(inputOf({ ...complete, kwargsRepr: "{'x': 'a long te..." }), undefined);
 * ```
 */
export function inputOf({ argsRepr, kwargsRepr }: TaskRecord): Input | undefined {
  const args = jsonOf(argsRepr);
  const kwargs = jsonOf(kwargsRepr);
  if (!Array.isArray(args) || typeof kwargs !== "object" || kwargs === null) return undefined;
  return { args, kwargs: { ...kwargs } };
}

function jsonOf(repr: string | null): unknown {
  const json = repr === null ? undefined : reprJson(repr);
  if (json === undefined) return undefined;
  try {
    return parseStrict(json);
  } catch {
    return undefined;
  }
}
