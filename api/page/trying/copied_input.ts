/** The arguments of an earlier task for the form of a new one. Pure. */
import { bindArguments } from "../../../shared/contracts/arguments.ts";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import { WrongArguments } from "../../../shared/errors.ts";
import { readKeptInput } from "../../../shared/results/kept_input.ts";
import type { TaskRecord } from "../../../shared/results/result.ts";
import { type InputField, type ReadInput, readInput, textOf } from "./input_fields.ts";

/** Arguments of an earlier task by name. */
export interface CopiedInput {
  /** Integers beyond 2^53 are bigint. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Arguments that are left out because the record does not contain all of their values. */
  readonly redacted: readonly string[];
}

/** The kept input of a record, bound to the arguments of its contract; `undefined` if there is none, or if the contract takes fewer
 * positional arguments now. Named arguments that the contract no longer takes are left out.
 *
 * @example
 * ```ts
 * import { copiedInput } from "./copied_input.ts";
 * import { pendingRecord } from "../../reading/record.ts";
 * import { defineTask, z } from "../../../shared/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const add = defineTask({ name: "add", input: z.object({ x: z.number(), y: z.number() }) });
 * const record = { ...pendingRecord("a", new Date(0)), input: '{"args":[1],"kwargs":{"y":2}}' };
 * assertEquals(copiedInput(add, record), { kwargs: { x: 1, y: 2 }, redacted: [] });
 * ```
 */
export function copiedInput(contract: TaskContract, record: TaskRecord): CopiedInput | undefined {
  if (record.input === undefined) return undefined;
  const kept = readKeptInput(record.input);
  if ("omitted" in kept) return undefined;
  const bound = bind(contract, kept);
  if (bound === undefined) return undefined;
  const names = Object.keys(contract.input.shape);
  const redacted = new Set((kept.redacted ?? []).map((path) => {
    const [part, key = ""] = path.split(".");
    return part === "args" ? names[Number(key)] ?? key : key;
  }));
  const takes = (name: string) => contract.input.def.catchall !== undefined || names.includes(name);
  const known = Object.entries(bound).filter(([name]) => takes(name) && !redacted.has(name));
  return {
    kwargs: Object.fromEntries(known),
    redacted: [...redacted],
  };
}

function bind(
  contract: TaskContract,
  { args, kwargs }: { readonly args: unknown[]; readonly kwargs: Record<string, unknown> },
): Record<string, unknown> | undefined {
  try {
    return bindArguments(contract, args, kwargs);
  } catch (error) {
    if (error instanceof WrongArguments) return undefined;
    throw error;
  }
}

/** Reads an edited form. A field that the reader left as it was has exactly the earlier value, and arguments without a field stay.
 *
 * @param textFor returns the text of a field by its name */
export function readEdited(
  copied: CopiedInput,
  fields: readonly InputField[],
  textFor: (name: string) => string,
): ReadInput {
  const edited = fields.filter((field) => !isUnchanged(field, copied, textFor(field.name)));
  const { kwargs, errors } = readInput(edited, textFor);
  const names = new Set(edited.map(({ name }) => name));
  const earlier = Object.entries(copied.kwargs).filter(([name]) => !names.has(name));
  return { kwargs: { ...Object.fromEntries(earlier), ...kwargs }, errors };
}

/** Whether a field has the text of its earlier value. Browsers change line ends, and a field of one line has none. */
function isUnchanged(field: InputField, { kwargs }: CopiedInput, text: string): boolean {
  if (!Object.hasOwn(kwargs, field.name)) return false;
  const ends = field.kind === "text" ? /[\r\n]/g : /\r/g;
  return text.replaceAll(ends, "") === textOf(field, kwargs[field.name]).replaceAll(ends, "");
}
