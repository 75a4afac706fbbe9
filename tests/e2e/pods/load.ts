/** Runs in a pod: submits tasks through the Service until it receives `/stop`, then waits until each is final.
 *
 *     load.ts TOKEN AT_LEAST PER_SECOND
 *
 * Accepts commands on the pod's loopback: `/steady` responds with the number of requests that have failed
 * so far, once all earlier submissions are accepted and the next {@linkcode IN_A_ROW} submissions
 * have succeeded without a failure; `/stop` stops the submissions.
 *
 * The last line of output is JSON: number of accepted tasks, number of tasks by state, and each
 * request that got a 5xx or no response, in order.
 * @module
 */

const [token = "", atLeast = "", perSecond = ""] = Deno.args;

const API = "http://api";
const ORDERS_PORT = 7000;
/** Half of the tasks have an Idempotency-Key. */
const IN_A_ROW = 40;
const headers = { "authorization": `Bearer ${token}`, "content-type": "application/json" };
const AGAIN_MS = 500;
const FINAL = ["SUCCESS", "FAILURE", "REVOKED"];
const PATIENCE_MS = 240_000;

/** Request and cause. */
const failures: string[] = [];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function causeOf(status: number, body: string): string {
  try {
    return `${status} ${JSON.parse(body).type}`;
  } catch {
    return `${status} ${body.slice(0, 100)}`;
  }
}

/** Retries until there is a response, because pods are restarted. */
async function ask(
  what: string,
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: string }> {
  const end = Date.now() + PATIENCE_MS;
  while (true) {
    try {
      const signal = AbortSignal.timeout(15_000);
      const response = await fetch(`${API}${path}`, { ...init, signal });
      const body = await response.text();
      if (response.status < 500 || Date.now() > end) return { status: response.status, body };
      failures.push(`${what}: ${causeOf(response.status, body)}`);
    } catch (error) {
      failures.push(`${what}: ${error}`);
      if (Date.now() > end) throw error;
    }
    await pause(AGAIN_MS);
  }
}

/** Half of the tasks have an Idempotency-Key, so that a lost response creates no duplicate. */
async function submit(index: number): Promise<string> {
  const keyed = index % 2 === 1;
  const key: Record<string, string> = keyed
    ? { "idempotency-key": `load-${Deno.pid}-${performance.timeOrigin}-${index}` }
    : {};
  const { status, body } = await ask(keyed ? "POST with a key" : "POST", "/v1/tasks/test.sleep", {
    method: "POST",
    headers: { ...headers, ...key },
    body: JSON.stringify({ kwargs: { seconds: 0.2 } }),
  });
  if (status !== 202) throw new Error(`${status}: ${body}`);
  return JSON.parse(body).id;
}

async function stateOf(id: string, end: number): Promise<string> {
  while (true) {
    const { status, body } = await ask("GET", `/v1/tasks/${id}`, { headers });
    const state = status === 200 ? JSON.parse(body).state : `status ${status}`;
    if (FINAL.includes(state) || Date.now() > end) return state;
    await pause(AGAIN_MS);
  }
}

const submitted: Promise<string>[] = [];
let stopped = false;

async function steady(): Promise<number> {
  while (true) {
    await Promise.all(submitted);
    const before = failures.length;
    const enough = submitted.length + IN_A_ROW;
    while (submitted.length < enough) await pause(10);
    await Promise.all(submitted.slice(0, enough));
    if (failures.length === before) return before;
  }
}

const orders: Record<string, () => unknown> = { "/steady": steady, "/stop": () => stopped = true };
const server = Deno.serve(
  { hostname: "127.0.0.1", port: ORDERS_PORT, onListen: () => console.log("submitting") },
  async ({ url }) => Response.json(await orders[new URL(url).pathname]?.()),
);
while (submitted.length < Number(atLeast) || !stopped) {
  submitted.push(submit(submitted.length));
  await pause(1000 / Number(perSecond));
}
const ids = await Promise.all(submitted);
const states: Record<string, number> = {};
const end = Date.now() + PATIENCE_MS;
const waiting = [...ids];
await Promise.all(Array.from({ length: 16 }, async () => {
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const state = await stateOf(id, end);
    states[state] = (states[state] ?? 0) + 1;
  }
}));
await server.shutdown();
console.log(JSON.stringify({ accepted: new Set(ids).size, states, failures }));
