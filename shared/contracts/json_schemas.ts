/** Rejects schemas whose values JSON cannot represent when a contract is defined, not when the first task runs. */
import type { z } from "zod";
import { ConfigurationError } from "../errors.ts";

/** The side of a schema to check: received values (`input`) or returned values (`output`). */
export type Side = "input" | "output";

/** Replacements, by zod's name of a type. */
const REMEDIES: Readonly<Record<string, Readonly<Record<Side, string>> | string>> = {
  date: {
    input: "use z.iso.datetime(), or z.coerce.date() where the handler wants a Date",
    output: "use z.iso.datetime() and return date.toISOString()",
  },
  bigint: {
    input: "use z.int(), or z.coerce.bigint() where the handler wants a bigint",
    output: "use z.string() and return String(value)",
  },
  map: "use z.record() and Object.fromEntries(map)",
  set: "use z.array() and [...set]",
  symbol: "use z.string() or z.enum()",
  function: "send data, and let the handler choose the function",
  undefined: "use z.null(), or leave it out",
  void: "use z.null(), or leave it out",
  nan: "use z.number().nullable()",
  promise: "await it, and use the schema of what it resolves to",
  file: "use z.base64(), or the URL of stored data",
};

interface Def {
  readonly type: string;
  readonly coerce?: boolean;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
  readonly element?: z.ZodType;
  readonly items?: readonly z.ZodType[];
  readonly rest?: z.ZodType | null;
  readonly options?: readonly z.ZodType[];
  readonly left?: z.ZodType;
  readonly right?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly values?: readonly unknown[];
  readonly getter?: () => z.ZodType;
}

/** Rejects a schema that contains a type which JSON cannot represent. A coerced schema accepts JSON; a codec or pipe is judged by the side
 * that is serialized; the result of a transform is unknown before it runs.
 *
 * @param what the definition, for the message: `task 'bill'`
 * @throws {ConfigurationError} naming the path and the remedy
 *
 * @example
 * ```ts
 * import { refuseUncarried } from "./json_schemas.ts";
 * import { z } from "zod";
 * import { assertThrows } from "@std/assert";
 *
 * refuseUncarried("task 'bill'", "input", z.object({ due: z.coerce.date() }));
 * assertThrows(() => refuseUncarried("task 'bill'", "input", z.object({ due: z.date() })), Error, "input.due");
 * ```
 */
export function refuseUncarried(what: string, side: Side, schema: z.ZodType): void {
  const found = uncarried(schema, side, side, new Set());
  if (!found) return;
  const remedy = REMEDIES[found.type]!;
  throw new ConfigurationError(
    `Cannot define ${what} because JSON cannot represent ${found.path}, a z.${found.type}(): ${
      typeof remedy === "string" ? remedy : remedy[side]
    }`,
  );
}

function uncarried(
  schema: z.ZodType,
  side: Side,
  path: string,
  seen: Set<z.ZodType>,
): { path: string; type: string } | undefined {
  if (seen.has(schema)) return undefined;
  seen.add(schema);
  const def = schema.def as unknown as Def;
  const type = def.type === "literal" ? typeOfLiteral(def.values ?? []) : def.type;
  if (type in REMEDIES) return def.coerce && side === "input" ? undefined : { path, type };
  for (const [step, part] of partsOf(def, side)) {
    const found = uncarried(part, side, path + step, seen);
    if (found) return found;
  }
  return undefined;
}

function partsOf(def: Def, side: Side): (readonly [step: string, part: z.ZodType])[] {
  switch (def.type) {
    case "object": {
      const parts = Object.entries(def.shape ?? {}).map(([key, part]) =>
        [`.${key}`, part] as const
      );
      return def.catchall ? [...parts, [".*", def.catchall]] : parts;
    }
    case "array":
      return [["[]", def.element!]];
    case "tuple": {
      const parts = (def.items ?? []).map((part, index) => [`[${index}]`, part] as const);
      return def.rest ? [...parts, ["[]", def.rest]] : parts;
    }
    case "record":
      return [[".*", def.valueType!]];
    case "union": {
      const options = def.options ?? [];
      // In a union it means that a key may be absent.
      const told = options.filter(({ def }) => def.type !== "undefined");
      return (told.length > 0 ? told : options).map((part) => ["", part] as const);
    }
    case "intersection":
      return [["", def.left!], ["", def.right!]];
    case "pipe":
      return [["", side === "input" ? def.in! : def.out!]];
    case "lazy":
      return [["", def.getter!()]];
    default:
      return def.innerType ? [["", def.innerType]] : [];
  }
}

function typeOfLiteral(values: readonly unknown[]): string {
  return values.map((value) => typeof value).find((type) => type in REMEDIES) ?? "literal";
}
