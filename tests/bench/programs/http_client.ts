/** The client of an API: loads it over keep-alive connections.
 *
 *     deno run -A --lock=tests/deno.lock tests/bench/programs/http_client.ts URL
 *
 * Commands: `fill` (tasks), `publish` (events), `submit` and `call` (inFlight, seconds), `pickUp` (count, pauseMs).
 * @module
 */
import autocannon from "autocannon";
import { serveCommands } from "./command_server.ts";
import { keepInFlight, type LoadResult, nowMs, pickUpDelays, sendBatches } from "./load_loops.ts";

/** Lines of one request: a tenth of the limit of `POST /v1/tasks:batch`. */
const BATCH = 1_000;
const BATCHES_IN_FLIGHT = 4;

/** autocannon takes a sample each second. */
const SHORTEST_SECONDS = 1;

const [url = ""] = Deno.args;
const line = `{"name":"add","args":[1,2]}\n`;

async function sendBatch(size: number): Promise<void> {
  const answer = await fetch(`${url}/v1/tasks:batch`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: line.repeat(size),
  });
  const text = await answer.text();
  const accepted = text.split(`"status":202`).length - 1;
  if (accepted === size) return;
  throw new Error(`${size - accepted} of ${size} submissions were refused: ${text.slice(0, 500)}`);
}

/** Events of one batch: with 100 subscriptions its response names 10,000 tasks. */
const EVENTS = 100;

async function publishBatch(size: number): Promise<void> {
  const one = {
    specversion: "1.0",
    source: "/bench",
    type: "bench.happened",
    data: { x: 1, y: 2 },
  };
  const events = Array.from({ length: size }, () => ({ ...one, id: crypto.randomUUID() }));
  const answer = await fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/cloudevents-batch+json" },
    body: JSON.stringify(events),
  });
  const text = await answer.text();
  if (answer.status === 202) return;
  throw new Error(`The events were answered ${answer.status}: ${text.slice(0, 500)}`);
}

async function publish(events: number): Promise<{ beganMs: number; endedMs: number }> {
  const { beganMs } = await sendBatches(events, EVENTS, BATCHES_IN_FLIGHT, publishBatch);
  return { beganMs, endedMs: nowMs() };
}

async function call(task: string, args: readonly unknown[]): Promise<unknown> {
  const answer = await fetch(`${url}/v1/tasks/${task}`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "wait=30" },
    body: JSON.stringify({ args }),
  });
  const record = await answer.json();
  if (answer.status === 200 && record.state === "SUCCESS") return record.result;
  throw new Error(`The call was answered ${answer.status}: ${JSON.stringify(record)}`);
}

async function submit(inFlight: number, seconds: number): Promise<LoadResult> {
  const took: number[] = [];
  const running = autocannon({
    url: `${url}/v1/tasks/add`,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ args: [1, 2] }),
    connections: inFlight,
    duration: Math.max(seconds, SHORTEST_SECONDS),
  });
  running.on(
    "response",
    (_client: unknown, _status: number, _bytes: number, ms: number) => took.push(ms),
  );
  const result = await running;
  const calls = result.statusCodeStats["202"]?.count ?? 0;
  const refused = result.requests.total - calls + result.errors + result.timeouts;
  if (refused > 0) {
    throw new Error(`${refused} submissions were refused: ${JSON.stringify(result)}`);
  }
  const sorted = took.toSorted((one, other) => one - other);
  const at = (part: number) => sorted[Math.max(Math.ceil(sorted.length * part) - 1, 0)] ?? NaN;
  return { rate: calls / result.duration, p50: at(0.5), p99: at(0.99), calls };
}

serveCommands({
  fill: ({ tasks = 0 }) => sendBatches(tasks, BATCH, BATCHES_IN_FLIGHT, sendBatch),
  publish: ({ events = 0 }) => publish(events),
  submit: ({ inFlight = 1, seconds = 1 }) => submit(inFlight, seconds),
  call: ({ inFlight = 1, seconds = 1 }) =>
    keepInFlight(inFlight, seconds, () => call("add", [1, 2])),
  pickUp: ({ count = 1, pauseMs = 0 }) =>
    pickUpDelays(count, pauseMs, async () => Number(await call("stamp", []))),
});
