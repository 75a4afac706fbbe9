/** The benchmark: Celeriac, its floors and its peers on the same servers in the same run.
 *
 *     deno task bench [--peers] [--only=NAME]... [--system=NAME]... [--long | --smoke]
 *
 * Writes a JSON document (`report/bench.json`) and prints a table. `deno task bench:report` makes the
 * table and the picture of docs/why/performance.md from the document. Linux only, because CPU time
 * comes from `/proc`.
 * @module
 */
import { run } from "../support/process.ts";
import { NoServer } from "../support/server.ts";
import { documentOf, writeDocument } from "./kit/document.ts";
import { incompleteFigures } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import { type BenchOptions, InvalidOptions, parseOptions, USAGE } from "./kit/options.ts";
import { runRounds } from "./kit/rounds.ts";
import { startServers } from "./kit/servers.ts";
import { MEASUREMENTS } from "./measurements/all_measurements.ts";
import { installPeers, PEER_RELEASES, type PeerPackages } from "./peers/installation.ts";
import { figureTables } from "./report/figure_tables.ts";
import type { Bench } from "./systems/system.ts";

async function main(options: BenchOptions, signal: AbortSignal): Promise<number> {
  const date = new Date().toISOString();
  const commit = await commitOfCheckout();
  const began = performance.now();
  await using servers = await startServers(options.folder, signal);
  const machine = await describeMachine(servers.folder);
  if (machine.loadAverage > 0.5 && !options.smoke) {
    console.log(`WARNING: other programs run here: the load is ${machine.loadAverage.toFixed(2)}`);
  }
  let installed: Promise<PeerPackages> | undefined;
  const bench: Bench = {
    servers,
    peers: () => installed ??= installPeers(console.log),
    signal,
    say: console.log,
  };
  const chosen = MEASUREMENTS.filter(({ name, onRequest = false }) => {
    return options.only.length === 0 ? !onRequest || options.smoke : options.only.includes(name);
  });
  const { postgres, rabbitmq } = servers;
  const about = {
    version: 1,
    date,
    commit,
    machine,
    releases: { postgres: postgres.release, rabbitmq: rabbitmq.release },
    peers: options.peers ? PEER_RELEASES : {},
    options,
  } as const;
  // an interrupted run leaves its complete rounds
  const results = await runRounds(chosen, bench, options, async (results, rounds) => {
    await writeDocument(options.json, documentOf(about, results, rounds));
    console.log(`${rounds} of ${options.rounds} rounds are in ${options.json}`);
  });
  const document = documentOf(about, results, options.rounds);
  console.log(`\n${figureTables(document, MEASUREMENTS)}`);
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`\n${document.figures.length} figures in ${options.json} after ${seconds} s`);
  const incomplete = incompleteFigures(results);
  for (const figure of incomplete) console.error(`No value in every round: ${figure}`);
  if (results.length === 0) console.error("No measurement has a system of this name");
  for (const { measurement, system, reason } of document.failures) {
    console.error(`Failed: ${measurement} / ${system}: ${reason}`);
  }
  return incomplete.length + document.failures.length === 0 && results.length > 0 ? 0 : 1;
}

async function commitOfCheckout(): Promise<string> {
  const git = (...args: string[]) => run("git", args).catch(() => "");
  const commit = (await git("rev-parse", "--short", "HEAD")).trim();
  return await git("status", "--porcelain") === "" ? commit : `${commit}+`;
}

const stopped = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(name, () => stopped.abort(new DOMException("Interrupted", "AbortError")));
}
try {
  const options = parseOptions(Deno.args, MEASUREMENTS.map(({ name }) => name));
  Deno.exit(await main(options, stopped.signal));
} catch (error) {
  if (error instanceof InvalidOptions) console.error(`${error.message}\n${USAGE}`);
  else console.error(error instanceof NoServer ? error.message : error);
  Deno.exit(error instanceof NoServer || error instanceof InvalidOptions ? 2 : 1);
}
