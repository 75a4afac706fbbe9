/** Three RabbitMQ nodes find each other by name and are one cluster, whose queues outlive a node. */
import { assert, assertEquals } from "@std/assert";
import { applyText, kubectl, PATIENCE, seen } from "../support/deployment.ts";
import { run } from "../support/process.ts";
import { checkout } from "../support/roles.ts";

const NODES = "celeriac-nodes";
const where = ["--namespace", NODES];

/** What a command line tool says on one of the nodes, as JSON. */
async function ask<Answer>(pod: string, ...command: readonly string[]): Promise<Answer> {
  const [tool = "", ...args] = command;
  const text = await kubectl(
    ...[...where, "exec", pod, "-c", "rabbitmq", "--"],
    ...[tool, "-q", ...args, "--formatter=json"],
  );
  return JSON.parse(text);
}

async function running(pod: string): Promise<string[]> {
  const status = await ask<{ running_nodes: string[] }>(pod, "rabbitmqctl", "cluster_status");
  return status.running_nodes.toSorted();
}

interface Queue {
  readonly name: string;
  readonly type: string;
  readonly members: readonly string[];
  readonly online: readonly string[];
}

async function queues(pod: string): Promise<Queue[]> {
  const columns = ["name", "type", "members", "online"];
  const all = await ask<Queue[]>(pod, "rabbitmqctl", "list_queues", "-p", "celeriac", ...columns);
  return all.filter(({ name }) => name.startsWith("celeriac."));
}

async function rolledOut(): Promise<void> {
  const bound = `--timeout=${PATIENCE}s`;
  await kubectl(...where, "rollout", "status", "statefulset/rabbitmq", bound);
}

Deno.test("three RabbitMQ nodes form a cluster, hold every queue thrice and take a lost one back", async () => {
  const secrets = [`${checkout}cli.ts`, "secrets", `--namespace=${NODES}`];
  try {
    await kubectl(...where, "apply", "-k", `${checkout}tests/e2e/nodes`);
    await applyText("create", await run(Deno.execPath(), ["run", ...secrets]), NODES);
    await rolledOut();
    const names = [0, 1, 2].map((node) =>
      `rabbit@rabbitmq-${node}.rabbitmq-nodes.${NODES}.svc.cluster.local`
    );
    await seen("three nodes", async () => (await running("rabbitmq-0")).length === 3);
    assertEquals(await running("rabbitmq-2"), names);

    const made = await seen("the queues", async () => {
      const all = await queues("rabbitmq-0");
      return all.some(({ name }) => name === "celeriac.default") && all;
    });
    assert(made);
    for (const { name, type, members } of made) {
      assertEquals([name, type, members.toSorted()], [name, "quorum", names]);
    }

    await kubectl(...where, "delete", "pod", "rabbitmq-1", "--grace-period=0", "--force");
    await rolledOut();
    const whole = await seen("the lost node's queues", async () => {
      const all = await queues("rabbitmq-0");
      return all.every(({ online }) => online.length === 3) && all;
    });
    assertEquals(whole && whole.length, made.length);
  } finally {
    await kubectl("delete", "namespace", NODES, "--ignore-not-found", "--wait=false");
  }
});
