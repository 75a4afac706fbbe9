/** `GET /v1/tasks` on a large table.
 * @module
 */
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { keepInFlight } from "../programs/load_loops.ts";
import { celeriac, openCeleriac } from "../systems/celeriac.ts";
import type { Bench } from "../systems/system.ts";
import { COMMON, insertRecords, RARE } from "./many_records.ts";
import type { Measurement } from "./measurement.ts";

const FILTERS: Readonly<Record<string, string>> = {
  "no filter": "",
  "state SUCCESS": `state=${COMMON.state}`,
  "state FAILURE, rare": `state=${RARE.state}`,
  "common name": `name=${COMMON.name}`,
  "rare name": `name=${RARE.name}`,
  "absent name": "name=no.such.task",
  "rare queue": `queue=${RARE.queue}`,
  "rare worker": `worker=${encodeURIComponent(RARE.worker)}`,
  "rare name and rare state": `name=${RARE.name}&state=${RARE.state}`,
};

export const listing: Measurement = {
  name: "listing",
  title: "Listing",
  method:
    "One client reads pages of 50 records, one after the other, from a table with the given " +
    "number of records: `--records=1e7` for more. One record in 100,000 has a rare value. The " +
    "table is vacuumed first.",
  contestants: (bench, options) => [{
    system: { ...celeriac(1), name: `Celeriac, ${options.records.toLocaleString("en")} records` },
    large: true,
    measure: () => measure(bench, options),
  }],
};

async function measure(bench: Bench, { records, seconds }: BenchOptions): Promise<Sample[]> {
  await using open = await openCeleriac(bench);
  await insertRecords(open.storage.client, records);
  const samples: Sample[] = [];
  for (const [filter, query] of Object.entries(FILTERS)) {
    const read = () => readPage(`${open.url}/v1/tasks?${query}`);
    await read();
    const { p50, p99 } = await keepInFlight(1, seconds, read);
    samples.push(
      { figure: `${filter}: p50`, value: p50, unit: "ms", better: "lower" },
      { figure: `${filter}: p99`, value: p99, unit: "ms", better: "lower" },
    );
  }
  return samples;
}

async function readPage(url: string): Promise<void> {
  const answer = await fetch(url);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Cannot list because the API answered ${answer.status}: ${text}`);
}
