/** Tests the production overlay: a RabbitMQ cluster of three nodes, an external Postgres, three APIs, workers scaled by KEDA. */
import { assert, assertEquals } from "@std/assert";
import {
  applyText,
  kubectl,
  PATIENCE,
  requireKeda,
  restarts,
  seen,
} from "../support/deployment.ts";
import { PodLoad } from "../support/pod_load.ts";
import { run } from "../support/process.ts";
import { checkout } from "../support/roles.ts";

const PRODUCTION = "celeriac-production";
const OUTSIDE = "celeriac-outside";
const where = ["--namespace", PRODUCTION];

/** Output of a command-line tool on one of the nodes, as JSON. */
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

/** Waits until every queue has all three members again. */
async function whole(): Promise<Queue[]> {
  const found = await seen("whole queues", async () => {
    const all = await queues("rabbitmq-0").catch(() => []);
    return all.some(({ name }) => name === "celeriac.default") &&
      all.every(({ online }) => online.length === 3) && all;
  });
  assert(found);
  return found;
}

async function rolledOut(what: string, namespace = PRODUCTION): Promise<void> {
  const status = ["rollout", "status", what, `--timeout=${PATIENCE}s`];
  await kubectl("--namespace", namespace, ...status);
}

/** Creates both namespaces, their Secrets and all objects. */
async function deployProduction(): Promise<void> {
  await kubectl("create", "namespace", PRODUCTION);
  const database = `postgres://postgres.${OUTSIDE}.svc:5432/celeriac`;
  const flags = [`--namespace=${PRODUCTION}`, `--database=${database}`];
  const text = await run(Deno.execPath(), ["run", `${checkout}cli.ts`, "secrets", ...flags]);
  await applyText("create", text, PRODUCTION);
  const { items } = JSON.parse(text) as { items: { metadata: { name: string } }[] };
  const logins = items.find(({ metadata }) => metadata.name === "celeriac-postgres")!;
  const metadata = { ...logins.metadata, namespace: OUTSIDE };
  await kubectl("--namespace", OUTSIDE, "apply", "-k", `${checkout}tests/e2e/outside`);
  await applyText("create", JSON.stringify({ ...logins, metadata }), OUTSIDE);
  await kubectl(...where, "apply", "-k", `${checkout}tests/e2e/production`);
  await rolledOut("statefulset/postgres", OUTSIDE);
  for (const what of ["statefulset/rabbitmq", "deployment/api"]) await rolledOut(what);
  for (const what of ["deployment/worker", "deployment/beat"]) await rolledOut(what);
}

Deno.test({
  name:
    "production loses nothing while its RabbitMQ nodes are restarted one by one, and one is lost",
  async fn() {
    await requireKeda();
    try {
      await deployProduction();
      assertEquals(await restarts(PRODUCTION), 0);
      const names = [0, 1, 2].map((node) =>
        `rabbit@rabbitmq-${node}.rabbitmq-nodes.${PRODUCTION}.svc.cluster.local`
      );
      await seen("three nodes", async () => (await running("rabbitmq-0")).length === 3);
      assertEquals(await running("rabbitmq-2"), names);
      const made = await whole();
      for (const { name, type, members } of made) {
        assertEquals([name, type, members.toSorted()], [name, "quorum", names]);
      }

      await using load = await PodLoad.start({
        tasks: 500,
        perSecond: 10,
        namespace: PRODUCTION,
      });

      const held = { updateStrategy: { rollingUpdate: { partition: 0 } } };
      const patch = ["patch", "statefulset", "rabbitmq", "-p", JSON.stringify({ spec: held })];
      await kubectl(...where, ...patch);
      await kubectl(...where, "rollout", "restart", "statefulset/rabbitmq");
      await rolledOut("statefulset/rabbitmq");
      assertEquals((await whole()).length, made.length);

      await kubectl(...where, "delete", "pod", "rabbitmq-1", "--grace-period=0", "--force");
      await rolledOut("statefulset/rabbitmq");
      assertEquals((await whole()).length, made.length);

      const { accepted, states, failures } = await load.stop();
      console.log(`${accepted} accepted: ${JSON.stringify(states)}`);
      assertEquals(states, { SUCCESS: accepted });
      assertEquals(failures, []);
    } finally {
      for (const name of [PRODUCTION, OUTSIDE]) {
        await kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false");
      }
    }
  },
});
