/** The command line of `deno task bench`.
 * @module
 */
import { parseArgs } from "node:util";

/** Size and selection of a run. */
export interface BenchOptions {
  /** Also measure the peers, which are installed on first use. */
  readonly peers: boolean;
  /** Names of measurements to run; empty for all. */
  readonly only: readonly string[];
  /** Names of systems to measure; empty for all. Without an exact match in a measurement, a prefix counts. */
  readonly system: readonly string[];
  /** Rounds. Each has all measurements, in which the systems alternate. */
  readonly rounds: number;
  /** Rounds of contestants that take minutes: the events, the lists and the large backlogs. */
  readonly largeRounds: number;
  /** Rows of each table for the lists, and the largest backlog, but at most 1e6 of that. */
  readonly records: number;
  /** Tasks of a round of `end-to-end` and `drain`; slow systems get a share. */
  readonly tasks: number;
  /** Seconds of each timed load. */
  readonly seconds: number;
  /** Tasks of the idle pick-up. */
  readonly repetitions: number;
  /** Produces every figure once, as fast as possible: the figures mean nothing. */
  readonly smoke: boolean;
  /** File for the JSON document. */
  readonly json: string;
  /** Folder for the data of the servers; it decides what an fsync costs. Default: the system's folder for temporary files. */
  readonly folder?: string;
}

/** Usage, shown for invalid flags. */
export const USAGE =
  "usage: deno task bench [--peers] [--only=NAME]... [--system=NAME]... [--rounds=N] [--records=1e6] [--tasks=N] " +
  "[--seconds=N] [--repetitions=N] [--json=FILE] [--folder=DIR] [--long | --smoke]";

/** About 20 minutes on two cores, peers included. */
const SHORT = { rounds: 3, records: 1e6, tasks: 20_000, seconds: 3, repetitions: 150 };
const LONG = { rounds: 3, records: 1e6, tasks: 60_000, seconds: 8, repetitions: 300 };
const SMOKE = { rounds: 1, records: 2_000, tasks: 200, seconds: 0.5, repetitions: 3 };

/** The flags are invalid. The message names the flag. */
export class InvalidOptions extends Error {}

/** Parses the flags. `--smoke` and `--long` change the defaults; flags still win.
 *
 * @param names names of all measurements, for `--only`
 * @throws {InvalidOptions} if a flag is unknown or its value is invalid */
export function parseOptions(args: readonly string[], names: readonly string[]): BenchOptions {
  const values = parseFlags(args);
  const unknown = values.only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new InvalidOptions(
      `Cannot run "${unknown}" because no measurement has this name: use one of ${
        names.join(", ")
      }`,
    );
  }
  if (values.smoke && values.long) {
    throw new InvalidOptions("Cannot use --smoke and --long together: use one of them");
  }
  const defaults = values.smoke ? SMOKE : values.long ? LONG : SHORT;
  const number = (flag: keyof typeof SHORT) => positive(flag, values[flag], defaults[flag]);
  const rounds = Math.ceil(number("rounds"));
  return {
    peers: values.peers,
    only: values.only,
    system: values.system,
    smoke: values.smoke,
    rounds,
    largeRounds: values.long ? rounds : 1,
    records: Math.ceil(number("records")),
    tasks: Math.ceil(number("tasks")),
    seconds: number("seconds"),
    repetitions: Math.ceil(number("repetitions")),
    json: values.json,
    ...values.folder === undefined ? {} : { folder: values.folder },
  };
}

function parseFlags(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        peers: flag,
        smoke: flag,
        long: flag,
        only: { type: "string", multiple: true, default: [] },
        system: { type: "string", multiple: true, default: [] },
        json: { type: "string", default: "report/bench.json" },
        folder: text,
        rounds: text,
        records: text,
        tasks: text,
        seconds: text,
        repetitions: text,
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidOptions(`Cannot read the flags because of: ${reason}`, { cause: error });
  }
}

function positive(flag: string, given: string | undefined, fallback: number): number {
  if (given === undefined) return fallback;
  const value = Number(given);
  if (given.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidOptions(
    `Cannot use --${flag}=${given} because it is not a positive number: for instance --${flag}=${fallback}`,
  );
}
