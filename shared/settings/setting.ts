/** What a setting is, and how its text is read. */
import { z } from "zod";

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
  | "schedules"
  | "dead"
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
  readonly roles: readonly Role[];
  readonly help: string;
}

/** Some text. */
export const text = z.string().min(1, "must not be empty");
/** A port; 0 takes a free one. */
export const port = z.coerce.number().int().min(0).max(65535);
/** Texts with commas between. */
export const list = z.string().transform((given) =>
  given.split(",").map((part) => part.trim()).filter((part) => part !== "")
);
/** Yes or no. */
export const flag = z.enum(["1", "true", "yes", "on", "0", "false", "no", "off", ""])
  .transform((given) => ["1", "true", "yes", "on"].includes(given));
/** A duration. */
export const seconds = z.coerce.number().min(0);
/** A whole number from 1. */
export const count = z.coerce.number().int().min(1);

/** Keeps the type of a setting's schema. */
export const setting = <Schema extends z.ZodType>(entry: Setting<Schema>): Setting<Schema> => entry;

/** Roles that connect to Postgres. */
export const SERVERS = ["api", "worker", "beat", "migrate"] as const;
/** Roles that run until they are stopped. */
export const RUNNING = ["api", "worker", "beat", "dev"] as const;
