/** Runs in a pod: submits tasks through the Service until it is told to stop, then waits until each is final.
 *
 *     load.ts TOKEN AT_LEAST PER_SECOND STOP_FILE
 *
 * Prints one line of JSON: how many were accepted, how many of them are in which state, and when a request was refused or
 * got no answer (milliseconds since the epoch).
 * @module
 */

const [token = "", atLeast = "", perSecond = "", stopFile = ""] = Deno.args;

const API = "http://api";
const headers = { "authorization": `Bearer ${token}`, "content-type": "application/json" };
const AGAIN_MS = 500;
const FINAL = ["SUCCESS", "FAILURE", "REVOKED"];
const PATIENCE_MS = 240_000;

const failures: number[] = [];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until there is an answer: pods come and go. Half of the tasks have a key, by which an answer that was lost does no harm. */
async function ask(
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
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    failures.push(Date.now());
    await pause(AGAIN_MS);
  }
}

async function submit(index: number): Promise<string> {
  const key: Record<string, string> = index % 2
    ? { "idempotency-key": `load-${Deno.pid}-${performance.timeOrigin}-${index}` }
    : {};
  const { status, body } = await ask("/v1/tasks/test.sleep", {
    method: "POST",
    headers: { ...headers, ...key },
    body: JSON.stringify({ kwargs: { seconds: 0.2 } }),
  });
  if (status !== 202) throw new Error(`${status}: ${body}`);
  return JSON.parse(body).id;
}

async function stopped(): Promise<boolean> {
  return await Deno.stat(stopFile).then(() => true, () => false);
}

async function stateOf(id: string, end: number): Promise<string> {
  while (true) {
    const { status, body } = await ask(`/v1/tasks/${id}`, { headers });
    const state = status === 200 ? JSON.parse(body).state : `status ${status}`;
    if (FINAL.includes(state) || Date.now() > end) return state;
    await pause(AGAIN_MS);
  }
}

const accepted: Promise<string>[] = [];
while (accepted.length < Number(atLeast) || !await stopped()) {
  accepted.push(submit(accepted.length));
  await pause(1000 / Number(perSecond));
}
const ids = await Promise.all(accepted);
const states: Record<string, number> = {};
const end = Date.now() + PATIENCE_MS;
const waiting = [...ids];
await Promise.all(Array.from({ length: 16 }, async () => {
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const state = await stateOf(id, end);
    states[state] = (states[state] ?? 0) + 1;
  }
}));
console.log(JSON.stringify({ accepted: new Set(ids).size, states, failures }));
