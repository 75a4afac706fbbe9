/** What a setting is, and how its text is read. */
import { z } from "zod";
import { closest } from "../../text/closest.ts";
import { hasLateAt, LATE_AT } from "../server_url.ts";

/** The commands that settings belong to. */
export type Role =
  | "api"
  | "worker"
  | "beat"
  | "dev"
  | "migrate"
  | "definitions"
  | "call"
  | "result"
  | "tasks"
  | "schedules"
  | "events"
  | "subscriptions"
  | "pause"
  | "dead"
  | "key"
  | "inspect";

/** One setting. Its flag is its key in kebab-case. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** Name of the environment variable. */
  readonly env: string;
  /** Parses the text given; what it makes of `undefined` is the default. */
  readonly schema: Schema;
  /** Shown where the default cannot be read off the schema. */
  readonly defaultText?: string;
  /** What a flag's value is called in `--help`; a flag without one takes no value. */
  readonly value?: string;
  /** Never shown; may also be read from the file that `<env>_FILE` names. */
  readonly secret?: true;
  /** Has no flag: it is read before the flags are parsed. */
  readonly variableOnly?: true;
  readonly roles: readonly Role[];
  readonly help: string;
}

/** Some text. */
export const text = z.string().min(1, "it is empty: give some text, or leave it out");
/** Texts with commas between. */
export const list = z.string().transform((given) =>
  given.split(",").map((part) => part.trim()).filter((part) => part !== "")
);

const YES = ["1", "true", "yes", "on"];
const NO = ["0", "false", "no", "off", ""];

/** Yes or no. */
export const flag = z.enum([...YES, ...NO], {
  error: `it is neither yes nor no: give ${YES.join(", ")}, ${NO.filter(Boolean).join(", ")}`,
}).transform((given) => YES.includes(given));

/** One of several words. */
export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, {
    error: ({ input }) => {
      const near = closest(String(input), words);
      return `it is not one of ${words.join(", ")}: ${
        near ? `did you mean '${near}'?` : "choose one"
      }`;
    },
  });

/** A URL.
 *
 * @param looks what it looks like, such as `http://host:8000` */
export const url = (protocol: RegExp, looks: string) =>
  z.url({
    protocol,
    error: ({ input }) => {
      const scheme = looks.slice(0, looks.indexOf(":"));
      const bare = typeof input === "string" && !input.includes("://");
      return bare
        ? `it has no scheme: put ${scheme}:// before it, as in ${looks}`
        : `it is not such a URL: write it as ${looks}`;
    },
  }).refine((given) => !hasLateAt(given), LATE_AT);

/** URLs with semicolons between. */
export const urls = (protocol: RegExp, looks: string) => {
  const one = url(protocol, looks);
  return z.string().superRefine((given, context) => {
    for (const part of given.split(";")) {
      const [issue] = one.safeParse(part.trim()).error?.issues ?? [];
      if (issue) return context.addIssue({ code: "custom", message: issue.message });
    }
  });
};

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

interface Range {
  readonly min: number;
  readonly max?: number;
}

function number(kind: string, { min, max }: Range, fits: (value: number) => boolean) {
  const range = max === undefined ? `${min} up` : `${min} to ${max}`;
  const error = `it is not a ${kind} from ${range}: correct it`;
  return z.string(error).regex(NUMBER, error).transform(Number)
    .refine((value) => fits(value) && value >= min && (max === undefined || value <= max), error);
}

/** A number. */
export const decimal = (range: Range) => number("number", range, Number.isFinite);
/** A duration. */
export const seconds = (range: Range = { min: 0 }) =>
  number("number of seconds", range, Number.isFinite);
/** An integer; the default minimum is 1. */
export const count = ({ min = 1, max }: Partial<Range> = {}) =>
  number("whole number", { min, ...(max !== undefined && { max }) }, Number.isSafeInteger);
/** A port; 0 takes a free one. */
export const port = count({ min: 0, max: 65_535 });

/** Keeps the type of a setting's schema. */
export const setting = <Schema extends z.ZodType>(entry: Setting<Schema>): Setting<Schema> => entry;

/** Roles that connect to Postgres. */
export const SERVERS = ["api", "worker", "beat", "migrate"] as const;
/** Roles that run until they are stopped. */
export const RUNNING = ["api", "worker", "beat", "dev"] as const;
