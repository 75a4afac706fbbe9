/** The lists of the API and of the page on large tables.
 * @module
 */
import type { Database } from "../../../shared/database/database.ts";
import { writeCursor } from "../../../shared/results/cursor.ts";
import type { Position } from "../../../shared/results/statements.ts";
import type { Sample } from "../kit/figures.ts";
import type { BenchOptions } from "../kit/options.ts";
import { keepInFlight } from "../programs/load_loops.ts";
import { celeriac, openCeleriac } from "../systems/celeriac.ts";
import type { Bench } from "../systems/system.ts";
import { COMMON, insertRecords, RARE } from "./many_records.ts";
import { insertRows, RARE_ROW } from "./many_rows.ts";
import type { Measurement } from "./measurement.ts";

/** Seconds for which series are kept. */
const SERIES_SECONDS = 72 * 3600;

/** Part of `--seconds` for each list: there are many. */
const SHARE = 0.5;

const { label } = RARE;

/** Names of the lists, and what they read. */
const LISTS: Readonly<Record<string, string>> = {
  "no filter": "/v1/tasks",
  "common state": `/v1/tasks?state=${COMMON.state}`,
  "rare state": `/v1/tasks?state=${RARE.state}`,
  "common name": `/v1/tasks?name=${COMMON.name}`,
  "rare name": `/v1/tasks?name=${RARE.name}`,
  "absent name": "/v1/tasks?name=no.such.task",
  "rare queue": `/v1/tasks?queue=${RARE.queue}`,
  "rare worker": `/v1/tasks?worker=${encodeURIComponent(RARE.worker)}`,
  "rare name and rare state": `/v1/tasks?name=${RARE.name}&state=${RARE.state}`,
  "common name and rare state": `/v1/tasks?name=${COMMON.name}&state=${RARE.state}`,
  "rare name and rare queue": `/v1/tasks?name=${RARE.name}&queue=${RARE.queue}`,
  "common name, queue and worker": `/v1/tasks?name=${COMMON.name}&queue=${COMMON.queue}&worker=${
    encodeURIComponent(COMMON.worker)
  }`,
  "rare label": `/v1/tasks?label=${label.name}:${label.value}`,
  "absent label": `/v1/tasks?label=${label.name}:none`,
  "rare label and common name": `/v1/tasks?label=${label.name}:${label.value}&name=${COMMON.name}`,
  "page, no filter": "/tasks",
  "page, last hour": "/tasks?q=since:1h",
  "page, two states": "/tasks?q=state:failure,retry",
  "page, not this name": `/tasks?q=-name:${COMMON.name}`,
  "page, pattern of names": "/tasks?q=name:orders.*",
  "page, common text": "/tasks?q=confirm",
  "page, absent text": "/tasks?q=nothing",
  "page, rare label": `/tasks?q=label.${label.name}:${label.value}`,
  "dead letters": "/v1/dead-letters",
  "dead letters, rare task": `/v1/dead-letters?task=${RARE.name}`,
  "dead letters, rare queue": `/v1/dead-letters?queue=${RARE.queue}`,
  "dead letters, rare reason": `/v1/dead-letters?reason=${RARE_ROW.reason}`,
  "page of dead letters": "/dead-letters",
  "events": "/v1/events",
  "events, rare type": `/v1/events?type=${RARE_ROW.type}`,
  "page of events": "/events",
  "audit log": "/v1/audit",
  "audit log, rare action": `/v1/audit?action=${RARE_ROW.action}`,
  "audit log, rare target": `/v1/audit?target=${RARE.name}`,
  "page of workflows": "/workflows",
  "page of charts, 72 hours": "/charts?range=72h",
  "overview page": "/",
};

/** Half of the table is newer. */
const MIDDLE = `
  select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time, id
  from celeriac.task, (select min(created_at) + (max(created_at) - min(created_at)) / 2 as middle from celeriac.task) as span
  where created_at <= middle order by created_at desc limit 1`;

export const listing: Measurement = {
  name: "listing",
  title: "Lists",
  method:
    "One client reads pages of 50 rows, one after the other. The table of records, and each table of " +
    "dead letters, events, audit entries and workflows, has the given number of rows: " +
    "`--records=1e7` for more. One row in 100,000 has a rare value. The series have 20 tasks in " +
    "every minute of 72 hours. The tables are vacuumed first.",
  contestants: (bench, options) => [{
    system: { ...celeriac(1), name: `Celeriac, ${options.records.toLocaleString("en")} rows` },
    large: true,
    measure: () => measure(bench, options),
  }],
};

async function measure(bench: Bench, { records, seconds }: BenchOptions): Promise<Sample[]> {
  await using open = await openCeleriac(bench);
  await insertRecords(open.storage.client, records);
  await insertRows(open.storage.client, records);
  const lists = { ...LISTS, ...await listsOf(open.storage.client) };
  const samples: Sample[] = [];
  for (const [list, path] of Object.entries(lists)) {
    const read = () => readList(`${open.url}${path}`);
    await read();
    const { p50, p99 } = await keepInFlight(1, seconds * SHARE, read);
    samples.push(
      { figure: `${list}: p50`, value: p50, unit: "ms", better: "lower" },
      { figure: `${list}: p99`, value: p99, unit: "ms", better: "lower" },
    );
  }
  return samples;
}

/** Lists with a time or a position. */
async function listsOf(client: Pick<Database, "query">): Promise<Record<string, string>> {
  const [middle] = await client.query<Position>(MIDDLE);
  const cursor = middle ? writeCursor(middle) : "";
  const since = new Date(Date.now() - SERIES_SECONDS * 1000).toISOString();
  return {
    "deep page": `/v1/tasks?cursor=${cursor}`,
    "deep page, common name": `/v1/tasks?name=${COMMON.name}&cursor=${cursor}`,
    "time range": `/v1/tasks?until=${middle?.time}`,
    "time range and common queue": `/v1/tasks?queue=${COMMON.queue}&until=${middle?.time}`,
    "page, deep": `/tasks?cursor=${cursor}`,
    "dead letters, time range": `/v1/dead-letters?until=${middle?.time}`,
    "deep page of workflows": `/workflows?cursor=${cursor}`,
    "series of 72 hours": `/v1/series?since=${since}`,
    "series of 72 hours, by queue": `/v1/series?since=${since}&by=queue`,
  };
}

async function readList(url: string): Promise<void> {
  const answer = await fetch(url);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Cannot list because the API answered ${answer.status}: ${text}`);
}
