/** The input of a rerun: the kept one, with the caller's edits. */
import { type KeptInput, readKeptInput } from "../../shared/results/kept_input.ts";
import { isFinal, type TaskRecord } from "../../shared/results/result.ts";
import { Problem } from "../http/problem.ts";

/** Arguments that replace those of the record. */
export interface Edits {
  readonly args?: unknown;
  readonly kwargs?: unknown;
}

/** A kept input with its arguments. */
type CompleteInput = Exclude<KeptInput, { readonly omitted: unknown }>;

/** Why a record does not contain the whole input of its task. */
export type InputGap = "not-final" | "not-kept" | "too-large" | "not-json" | "redacted";

/** Why the input of a record cannot be submitted as it is; `undefined` if it can.
 *
 * @example
 * ```ts
 * import { inputGap } from "./rerun_input.ts";
 * import { pendingRecord } from "../reading/record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const record = { ...pendingRecord("a", new Date(0)), state: "FAILURE" as const };
 * assertEquals(inputGap(record), "not-kept");
 * assertEquals(inputGap({ ...record, input: '{"args":[],"kwargs":{}}' }), undefined);
 * ```
 */
export function inputGap({ input, state }: TaskRecord): InputGap | undefined {
  if (input === undefined) return isFinal(state) ? "not-kept" : "not-final";
  const kept = readKeptInput(input);
  if ("omitted" in kept) return kept.omitted;
  return (kept.redacted ?? []).length > 0 ? "redacted" : undefined;
}

/** The arguments of a rerun, unchecked.
 *
 * @throws {Problem} `no-input` when the edits lack a part that the record does not contain
 *
 * @example
 * ```ts
 * import { rerunInput } from "./rerun_input.ts";
 * import { pendingRecord } from "../reading/record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const record = { ...pendingRecord("a", new Date(0)), input: '{"args":[1],"kwargs":{"y":2}}' };
 * assertEquals(rerunInput(record, { kwargs: { y: 3 } }), { args: [1], kwargs: { y: 3 } });
 * ```
 */
export function rerunInput(record: TaskRecord, { args, kwargs }: Edits): Edits {
  if (args !== undefined && kwargs !== undefined) return { args, kwargs };
  const edits = { ...(args !== undefined && { args }), ...(kwargs !== undefined && { kwargs }) };
  const kept = keptInput(record, "rerun", { given: Object.keys(edits) });
  return { args: kept.args, kwargs: kept.kwargs, ...edits };
}

/** The kept input of a record, complete but for the parts that the caller gives.
 *
 * @param verb what the caller does with it, for the error
 * @param options.given `args` or `kwargs`, whose redacted values are not needed. Default none
 * @throws {Problem} `no-input` */
export function keptInput(
  record: TaskRecord,
  verb: "rerun" | "retry",
  { given = [] }: { readonly given?: readonly string[] } = {},
): CompleteInput {
  const kept = record.input === undefined ? undefined : readKeptInput(record.input);
  const rerunning = verb === "rerun";
  if (!kept || "omitted" in kept) {
    const remedy = rerunning ? "give both args and kwargs" : "rerun it with args and kwargs";
    throw refusal(verb, record.id, reasonOf(record, kept), remedy);
  }
  const missing = (kept.redacted ?? []).filter((field) => !given.includes(field.split(".")[0]!));
  if (missing.length === 0) return kept;
  const parts = [...new Set(missing.map((field) => field.split(".")[0]))];
  throw refusal(
    verb,
    record.id,
    `the record does not contain ${missing.join(", ")}, which its contract redacts`,
    `${rerunning ? "give" : "rerun it with"} ${parts.join(" and ")} with all values`,
  );
}

/** Why a record has no input. */
function reasonOf(
  { state }: TaskRecord,
  kept: { readonly omitted: string; readonly bytes?: number } | undefined,
): string {
  if (kept?.omitted === "too-large") {
    return `its input of ${kept.bytes} bytes is larger than CELERIAC_INPUT_MAX_BYTES of its worker`;
  }
  if (kept) return "its input contains a value that JSON lacks";
  if (!isFinal(state)) {
    return `it is ${state}, and a record keeps the input only with a final state`;
  }
  return `its record in state ${state} keeps no input, as keepInput of its contract says`;
}

function refusal(verb: string, id: string, reason: string, remedy: string): Problem {
  return new Problem("no-input", `Cannot ${verb} task '${id}' because ${reason}: ${remedy}`);
}
