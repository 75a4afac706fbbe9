/** Checks that no accepted task is lost while pods are stopped and started. */
import { assert, assertEquals } from "@std/assert";
import { deploy, kubectl, podsOf, rolledOut, seen, settled } from "../support/deployment.ts";
import { PodLoad } from "../support/pod_load.ts";

const TASKS = 2000;
const PER_SECOND = 40;

/** Pod disruptions, one after the other. */
const events: readonly (readonly [string, () => Promise<unknown>])[] = [
  ["workers are scaled to 5", () => scale(5)],
  ["the API is restarted", () => restart("deployment/api")],
  ["the workers are restarted", () => restart("deployment/worker")],
  ["a worker's pod is killed", killWorker],
  ["RabbitMQ's pod is deleted", () => lose("rabbitmq-0")],
  ["Postgres' pod is deleted", () => lose("postgres-0")],
  ["workers are scaled to 2", () => scale(2)],
];

/** Events that may cause failed requests, which callers retry. */
const UNPLANNED = new Set(["RabbitMQ's pod is deleted", "Postgres' pod is deleted"]);

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

/** Number of failures by request and cause. */
function counted(failures: readonly string[]): Record<string, number> {
  const groups = Object.entries(Object.groupBy(failures, (failure) => failure));
  return Object.fromEntries(groups.map(([failure, all = []]) => [failure, all.length]));
}

Deno.test("every accepted task succeeds while pods are scaled, restarted, killed and deleted", async () => {
  await deploy("tests/e2e/overlay");
  await scale(1);
  await using load = await PodLoad.start({ tasks: TASKS, perSecond: PER_SECOND });
  // the next event waits for a steady state, so that a failed request belongs to one event
  const ends = [{ event: "nothing has happened yet", failed: await load.steady() }];
  for (const [event, happen] of events) {
    const began = Date.now();
    await happen();
    const ended = Date.now();
    ends.push({ event, failed: await load.steady() });
    const [took, settled] = [ended - began, Date.now() - ended].map((ms) => Math.round(ms / 1000));
    console.log(`${event}: ${took} s, steady ${settled} s later`);
  }
  const { accepted, states, failures } = await load.stop();
  ends.push({ event: "the load has stopped", failed: failures.length });
  const failed = ends.map(({ event, failed }, index) =>
    [event, counted(failures.slice(ends[index - 1]?.failed, failed))] as const
  );
  console.log(`${accepted} accepted: ${JSON.stringify(states)}; failed requests by event:`);
  for (const [event, causes] of failed) console.log(`- ${event}: ${JSON.stringify(causes)}`);
  assert(accepted >= TASKS);
  assertEquals(states, { SUCCESS: accepted });
  const noticed = failed.filter(([event]) => !UNPLANNED.has(event))
    .filter(([, causes]) => Object.keys(causes).length > 0);
  assertEquals(noticed, []);
});
