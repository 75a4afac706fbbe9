/** Runs in a pod: submits a batch of sleeping tasks, and waits until each is final.
 *
 *     batch.ts TOKEN TASKS
 *
 * Prints one line of JSON, as load.ts does.
 * @module
 */

const [token = "", count = ""] = Deno.args;

const headers = { "authorization": `Bearer ${token}`, "content-type": "application/json" };
const SECONDS = 2;
const AGAIN_MS = 1000;
const PATIENCE_MS = 270_000;

const tasks = Array.from({ length: Number(count) }, () => ({
  name: "test.sleep",
  kwargs: { seconds: SECONDS },
}));
const response = await fetch("http://api/v1/tasks:batch", {
  method: "POST",
  headers,
  body: JSON.stringify(tasks),
});
const answers = await response.json() as { id?: string }[];
if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(answers)}`);
let open = answers.flatMap(({ id }) => id ?? []);
const accepted = open.length;
const states: Record<string, number> = {};
const end = Date.now() + PATIENCE_MS;
while (open.length > 0 && Date.now() < end) {
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  // in order: if a task is not final, later ones need not be read
  for (const [index, id] of open.entries()) {
    const record = await (await fetch(`http://api/v1/tasks/${id}`, { headers })).json();
    if (!["SUCCESS", "FAILURE", "REVOKED"].includes(record.state)) {
      open = open.slice(index);
      break;
    }
    states[record.state] = (states[record.state] ?? 0) + 1;
    if (index === open.length - 1) open = [];
  }
}
if (open.length > 0) states.open = open.length;
console.log(JSON.stringify({ accepted, states }));
