/** The time until callers get a 503 if broker and database accept connections but do not respond.
 * @module
 */
import { TcpProxy } from "../../support/proxy.ts";
import { startApi } from "../../support/roles.ts";
import type { Sample } from "../kit/figures.ts";
import { celeriac, celeriacEnv } from "../systems/celeriac.ts";
import type { Bench } from "../systems/system.ts";
import type { Measurement } from "./measurement.ts";

const CALLERS = 200;
const WARM_UP = 50;

export const refusal: Measurement = {
  name: "refusal",
  title: "503 while both servers are silent",
  method: `The slowest of ${CALLERS} simultaneous requests. The broker and the database accept ` +
    "data and never reply.",
  contestants: (bench) => [{ system: celeriac(1), measure: () => measure(bench) }],
};

async function measure(bench: Bench): Promise<Sample[]> {
  await using storage = await bench.servers.freshStorage("migrated");
  await using broker = TcpProxy.of(storage.amqpUrl);
  await using database = TcpProxy.of(storage.databaseUrl);
  const env = celeriacEnv({
    amqpUrl: broker.through(storage.amqpUrl),
    databaseUrl: database.through(storage.databaseUrl),
  });
  const { api, url } = await startApi({ env });
  await using _api = api;
  for (let count = 0; count < WARM_UP; count++) await submit(url, 202);
  for (const proxy of [broker, database]) proxy.swallow("to client");
  const took = await Promise.all(Array.from({ length: CALLERS }, () => submit(url, 503)));
  for (const proxy of [broker, database]) proxy.cut();
  return [{ figure: "slowest", value: Math.max(...took), unit: "ms", better: "lower" }];
}

/** @returns milliseconds */
async function submit(url: string, status: number): Promise<number> {
  const began = performance.now();
  const answer = await fetch(`${url}/v1/tasks/add`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"args": [1, 2]}`,
  });
  await answer.body?.cancel();
  if (answer.status === status) return performance.now() - began;
  throw new Error(`The API answered ${answer.status} instead of ${status}`);
}
