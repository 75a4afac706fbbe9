/** The load generator: submits the task `add` repeatedly over keep-alive connections.
 *
 *     deno run -A tests/bench/load.ts URL CONNECTIONS SECONDS
 *
 * Prints one line of JSON: requests per second, median and 99th percentile latency in milliseconds, and the responses other than 202.
 * @module
 */
import autocannon from "autocannon";

const [url = "", connections = "", seconds = ""] = Deno.args;
const result = await autocannon({
  url: `${url}/v1/tasks/add`,
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ args: [1, 2] }),
  connections: Number(connections),
  duration: Number(seconds),
});
const accepted = result.statusCodeStats["202"]?.count ?? 0;
console.log(JSON.stringify({
  rate: accepted / result.duration,
  medianMs: result.latency.p50,
  p99Ms: result.latency.p99,
  refused: result.requests.total - accepted + result.errors + result.timeouts,
  statuses: result.statusCodeStats,
  errors: result.errors,
  timeouts: result.timeouts,
}));
