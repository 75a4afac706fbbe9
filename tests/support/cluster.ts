/** A Kubernetes cluster under the end-to-end tests: one that a variable leads to, or one that is made for them.
 * @module
 */
import { dirname } from "node:path";
import { run } from "./process.ts";
import { NoServer, type Server } from "./server.ts";

/** Name of the cluster that `kind` makes. */
const KIND = "celeriac-e2e";

/** Making a cluster from nothing fetches and unpacks a lot. */
const MAKE_MS = 900_000;

/** The images under test: tag and Dockerfile, each built on the one before. */
const IMAGES = [
  ["celeriac:dev", "infra/Dockerfile"],
  ["celeriac-test:dev", "tests/e2e/Dockerfile"],
] as const;

/** What the tests make, and what goes before and after them. */
const NAMESPACES = ["celeriac", "celeriac-outside", "celeriac-tried", "celeriac-production"];
/** The one that somebody else may have, and what tells ours from theirs. */
const MARKED = "celeriac";
const MARK = "celeriac-tests";

/** Finds or makes a cluster that holds the images.
 *
 * | there is | then |
 * |---|---|
 * | `CELERIAC_TEST_CLUSTER` | a command: `up` makes a cluster, `kubeconfig` prints the path of its configuration, `status` fails where there is none, `autoscaling` adds KEDA, `down` ends it |
 * | `KUBECONFIG` | that cluster; its namespaces `celeriac` and `celeriac-...` are made and deleted, unless somebody else made `celeriac` |
 * | `kind` and `docker` | a cluster of its own, without KEDA: tests that need it fail |
 *
 * With `CELERIAC_TEST_IMAGES`, a command, `base` puts the public images into the cluster and
 * `build TAG CONTEXT DOCKERFILE` builds one; otherwise a named cluster must have them.
 *
 * @param say takes one line for each step
 * @throws {NoServer} when there is no cluster to be had */
export async function prepareCluster(
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Server> {
  signal.throwIfAborted();
  const command = Deno.env.get("CELERIAC_TEST_CLUSTER");
  const named = Deno.env.get("KUBECONFIG");
  if (command) return await commanded(command, say);
  if (named) {
    await buildImages(say);
    return await server(`The cluster of ${named}`, named, () => Promise.resolve());
  }
  if (await succeeds("kind", ["version"]) && await succeeds("docker", ["version"])) {
    return await made(say);
  }
  throw new NoServer(
    "Cannot run the end-to-end tests because there is no Kubernetes cluster here: install kind and docker, or set KUBECONFIG to a cluster that has the images celeriac:dev and celeriac-test:dev",
  );
}

async function commanded(command: string, say: (line: string) => void): Promise<Server> {
  const order = (verb: string) => run(command, [verb], { ownGroup: true, timeoutMs: MAKE_MS });
  const before = await succeeds(command, ["status"]);
  const down = async () => {
    if (!before) await order("down");
  };
  if (!before) {
    say(`Starting a cluster with ${command}`);
    const up = () => order("up");
    // What an interrupted run left is gone after one more `down`.
    await up().catch(() => order("down").then(up)).catch(async (error) => {
      await down().catch(() => {}); // the first error says why
      throw noCluster(`${command} up`, error);
    });
  }
  try {
    const config = (await order("kubeconfig")).trim();
    await buildImages(say);
    say("Adding KEDA");
    await order("autoscaling").catch(() => order("autoscaling")).catch((error) => {
      say(`WARNING: the tests that need KEDA will fail: ${error.message}`);
    });
    return await server(`A cluster by ${command}`, config, async (kubectl) => {
      // Whose pods have gone leaves no process and no network behind.
      if (!before) await kubectl("delete", "deployments", "--all", "-A", "--cascade=foreground");
      await down();
    });
  } catch (error) {
    await down();
    throw error;
  }
}

/** The environment's failures are not the tests': said at length, and no test is called failed. */
function noCluster(step: string, cause: unknown): NoServer {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new NoServer(`Cannot run the end-to-end tests as "${step}" failed: ${reason}`, { cause });
}

async function buildImages(say: (line: string) => void): Promise<void> {
  const command = Deno.env.get("CELERIAC_TEST_IMAGES");
  if (!command) return;
  say(`Building the images with ${command}`);
  const options = { ownGroup: true, timeoutMs: MAKE_MS };
  await run(command, ["base"], options).catch((error) => {
    throw noCluster(`${command} base`, error);
  });
  for (const [tag, dockerfile] of IMAGES) {
    await run(command, ["build", tag, ".", dockerfile], options);
  }
}

async function made(say: (line: string) => void): Promise<Server> {
  say("Making a cluster with kind");
  const folder = await Deno.makeTempDir({ prefix: "celeriac-kind-" });
  const config = `${folder}/kubeconfig`;
  const options = { ownGroup: true, timeoutMs: MAKE_MS };
  const stop = async () => {
    await run("kind", ["delete", "cluster", "--name", KIND], options);
    await Deno.remove(folder, { recursive: true });
  };
  try {
    await run("kind", ["create", "cluster", "--name", KIND, "--kubeconfig", config], options);
    for (const [tag, dockerfile] of IMAGES) {
      say(`Building ${tag}`);
      await run("docker", ["build", "-t", tag, "-f", dockerfile, "."], options);
      await run("kind", ["load", "docker-image", tag, "--name", KIND], options);
    }
    return await server("A cluster by kind", config, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The namespaces go in any case: what a run left must not be found by the next one. */
async function server(
  description: string,
  config: string,
  end: (kubectl: Kubectl) => Promise<void>,
): Promise<Server> {
  const program = await findKubectl(config);
  const environment = { KUBECONFIG: config, KUBECTL: program };
  const kubectl: Kubectl = (...args) =>
    run(program, args, { env: environment, ownGroup: true, timeoutMs: 300_000 });
  await refuseOthers(kubectl);
  await removeNamespaces(kubectl);
  await kubectl("create", "namespace", MARKED);
  await kubectl("label", "namespace", MARKED, `${MARK}=true`);
  return {
    description,
    environment,
    async stop() {
      try {
        await removeNamespaces(kubectl);
      } finally {
        await end(kubectl);
      }
    },
  };
}

type Kubectl = (...args: readonly string[]) => Promise<string>;

/** Whoever has Celeriac in this cluster keeps it.
 *
 * @throws {NoServer} when its namespace is there and no test made it */
async function refuseOthers(kubectl: Kubectl): Promise<void> {
  const found = await kubectl("get", "namespaces", "-o", "name");
  const ours = await kubectl("get", "namespaces", "-l", `${MARK}=true`, "-o", "name");
  const name = `namespace/${MARKED}`;
  const there = (names: string) => names.split("\n").includes(name);
  if (!there(found) || there(ours)) return;
  throw new NoServer(
    `Cannot run the end-to-end tests because the cluster has a ${name} that they did not make, and would delete: name another cluster in KUBECONFIG, or delete it yourself`,
  );
}

/** In a namespace that is going no pod comes back, and none of ours has anything left to finish. */
async function removeNamespaces(kubectl: Kubectl): Promise<void> {
  const namespaces = ["delete", "namespace", ...NAMESPACES, "--ignore-not-found"];
  await kubectl(...namespaces, "--wait=false");
  for (const namespace of NAMESPACES) {
    await kubectl("delete", "pods", "--all", "-n", namespace, "--grace-period=1");
  }
  await kubectl(...namespaces);
}

/** `KUBECTL`, one on the path, or one that lies beside the cluster's configuration. */
async function findKubectl(config: string): Promise<string> {
  const candidates = [Deno.env.get("KUBECTL"), "kubectl", `${dirname(config)}/bin/kubectl`];
  for (const program of candidates) {
    if (program && await succeeds(program, ["version", "--client"])) return program;
  }
  throw new NoServer("Cannot run the end-to-end tests without kubectl: install it, or set KUBECTL");
}

async function succeeds(
  program: string,
  args: readonly string[],
  timeoutMs = 60_000,
): Promise<boolean> {
  try {
    await run(program, args, { ownGroup: true, timeoutMs });
    return true;
  } catch {
    return false;
  }
}
