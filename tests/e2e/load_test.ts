/** Nothing that was accepted is lost while everything under it comes and goes. */
import { assert, assertEquals } from "@std/assert";
import {
  client,
  deploy,
  inImage,
  kubectl,
  podsOf,
  rolledOut,
  secret,
  seen,
  settled,
} from "../support/deployment.ts";

const TASKS = 2000;
const PER_SECOND = 40;
const STOP_FILE = "/tmp/stop";

/** What a cluster does to its pods, one after the other. */
const events: readonly (readonly [string, () => Promise<unknown>])[] = [
  ["workers are scaled to 5", () => scale(5)],
  ["the API is restarted", () => restart("deployment/api")],
  ["the workers are restarted", () => restart("deployment/worker")],
  ["a worker's pod is killed", killWorker],
  ["RabbitMQ's pod is deleted", () => lose("rabbitmq-0")],
  ["Postgres' pod is deleted", () => lose("postgres-0")],
  ["workers are scaled to 2", () => scale(2)],
];

/** What is done on purpose: no caller may notice. */
const PLANNED = /scaled|restarted/;

async function scale(count: number): Promise<void> {
  await kubectl("scale", "deployment/worker", `--replicas=${count}`);
  await seen(`${count} workers`, async () => (await podsOf("worker")).length === count);
  await rolledOut("deployment/worker");
}

async function restart(what: string): Promise<void> {
  await kubectl("rollout", "restart", what);
  await rolledOut(what);
}

async function killWorker(): Promise<void> {
  const [pod = ""] = await podsOf("worker");
  await kubectl("delete", "pod", pod, "--grace-period=0", "--force");
  await seen("another worker", async () => {
    const pods = await podsOf("worker");
    return pods.length === 5 && !pods.includes(pod);
  });
  await rolledOut("deployment/worker");
}

async function lose(pod: string): Promise<void> {
  await kubectl("delete", "pod", pod);
  await settled();
}

Deno.test("every accepted task succeeds while pods are scaled, restarted, killed and deleted", async () => {
  await deploy("tests/e2e/overlay");
  await scale(1);
  await using pod = await client("load");
  const token = await secret("celeriac-api", "token");
  const script = inImage("tests/e2e/pods/load.ts");
  const load = pod.exec(...script, token, `${TASKS}`, `${PER_SECOND}`, STOP_FILE);
  load.catch(() => {}); // looked at below, when the events are over
  const times: { event: string; began: number; ended: number }[] = [];
  for (const [event, happen] of events) {
    const began = Date.now();
    await happen();
    times.push({ event, began, ended: Date.now() });
  }
  await pod.exec("touch", STOP_FILE);
  const { accepted, states, failures } = JSON.parse(await load) as {
    accepted: number;
    states: Record<string, number>;
    failures: number[];
  };
  const failed = times.map(({ event, began, ended }) => {
    const count = failures.filter((at) => at >= began && at < ended).length;
    console.log(`${event}: ${Math.round((ended - began) / 1000)} s, ${count} requests failed`);
    return [event, count] as const;
  });
  console.log(`${accepted} accepted: ${JSON.stringify(states)}`);
  assert(accepted >= TASKS);
  assertEquals(states, { SUCCESS: accepted });
  const planned = failed.filter(([event]) => PLANNED.test(event));
  assertEquals(planned.filter(([, count]) => count > 0), []);
  assert(planned.length > 2);
});
