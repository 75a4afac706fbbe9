/** The JSON document of a run: `deno task bench` writes it, `deno task bench:report` reads it.
 * @module
 */
import {
  combineRounds,
  type Failure,
  type Figure,
  listFailures,
  type RoundResult,
} from "./figures.ts";
import type { Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";

/** Everything that a run has produced. */
export interface BenchDocument {
  /** Version of this layout. */
  readonly version: 1;
  /** Start of the run, ISO 8601. */
  readonly date: string;
  /** Commit of the checkout; `+` at the end means that it had changes. */
  readonly commit: string;
  readonly machine: Machine;
  readonly releases: { readonly postgres: string; readonly rabbitmq: string };
  /** Releases of the measured peers; empty without `--peers`. */
  readonly peers: Readonly<Record<string, string>>;
  readonly options: BenchOptions;
  /** Complete rounds. */
  readonly rounds: number;
  readonly figures: readonly Figure[];
  /** Systems that could not be measured in every round. */
  readonly failures: readonly Failure[];
  /** Measurements that later runs on the same machine have replaced. Default none. */
  readonly replaced?: readonly Replaced[];
}

/** Measurements of a later run. */
export interface Replaced {
  readonly commit: string;
  readonly measurements: readonly string[];
}

/** What is known of a run before its first round. */
export type AboutRun = Omit<BenchDocument, "rounds" | "figures" | "failures" | "replaced">;

/** Makes the document of some complete rounds. */
export function documentOf(
  about: AboutRun,
  results: readonly RoundResult[],
  rounds: number,
): BenchDocument {
  return { ...about, rounds, figures: combineRounds(results), failures: listFailures(results) };
}

/** Replaces the measurements that a later run has.
 *
 * @throws if the later run had another machine */
export function withLaterRun(document: BenchDocument, later: BenchDocument): BenchDocument {
  const [one, other] = [document, later].map(({ machine: { cores, processor } }) =>
    `${cores} x ${processor}`
  );
  if (one !== other) {
    throw new Error(`Cannot combine runs because their machines differ: ${one} and ${other}`);
  }
  const measurements = [...new Set(later.figures.map(({ measurement }) => measurement))];
  const stays = ({ measurement }: { readonly measurement: string }) =>
    !measurements.includes(measurement);
  const { commit } = later;
  return {
    ...document,
    figures: [...document.figures.filter(stays), ...later.figures],
    failures: [...document.failures.filter(stays), ...later.failures],
    replaced: [...document.replaced ?? [], { commit, measurements }],
  };
}

/** Writes a document and creates its folder. */
export async function writeDocument(path: string, document: BenchDocument): Promise<void> {
  const folder = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
  if (folder !== "") await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(path, `${JSON.stringify(document, null, 2)}\n`);
}

/** Reads a document.
 *
 * @throws if the file does not exist or has another layout */
export async function readDocument(path: string): Promise<BenchDocument> {
  const document = JSON.parse(await Deno.readTextFile(path)) as BenchDocument;
  if (document.version === 1) return document;
  throw new Error(
    `Cannot read ${path} because its version is ${document.version}: run "deno task bench" again`,
  );
}
