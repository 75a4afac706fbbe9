/** Benchmark of the pipeline: Celeriac's worker and API compared with minimal baselines on the same servers.
 *
 *     deno task bench [--tasks 60000] [--rounds 3] [--seconds 8] [--json FILE]
 *
 * Every measured program is a separate process. Servers are found or started as for the tests.
 * @module
 */
import { parseArgs } from "node:util";
import { prepareServers } from "../support/test_servers.ts";
import { NoServer } from "../support/server.ts";
import {
  type Effort,
  measureBatch,
  measureIdle,
  measureRefusal,
  measureSubmission,
  measureWorker,
} from "./measures.ts";
import { type Row, table } from "./table.ts";

async function main(signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      tasks: { type: "string", default: "60000" },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "8" },
      json: { type: "string" },
    },
  });
  const effort: Effort = {
    tasks: Number(values.tasks),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
  };
  await using fixture = await prepareServers(console.log, signal);
  for (const [name, value] of Object.entries(fixture.environment)) Deno.env.set(name, value);
  const rows: Row[] = [];
  for (
    const measure of [measureWorker, measureSubmission, measureBatch, measureRefusal, measureIdle]
  ) {
    signal.throwIfAborted();
    rows.push(...[await measure(effort, (line) => console.log(`  ${line}`))].flat());
  }
  console.log(`\n${table(rows)}`);
  if (values.json) await Deno.writeTextFile(values.json, JSON.stringify({ effort, rows }, null, 2));
  return 0;
}

const stopped = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(name, () => stopped.abort(new DOMException("Interrupted", "AbortError")));
}
try {
  Deno.exit(await main(stopped.signal));
} catch (error) {
  console.error(error instanceof NoServer ? error.message : error);
  Deno.exit(error instanceof NoServer ? 2 : 1);
}
