/** Provides a Kubernetes cluster for the end-to-end tests: one that a variable names, or a new one.
 * @module
 */
import { dirname } from "node:path";
import { run } from "./process.ts";
import { NoServer, type Server } from "./server.ts";

/** Name of the cluster that `kind` creates. */
const KIND = "celeriac-e2e";

/** Creating a cluster downloads and unpacks large images. */
const MAKE_MS = 900_000;

/** The images under test: tag and Dockerfile, each based on the previous one. */
const IMAGES = [
  ["celeriac:dev", "infra/Dockerfile"],
  ["celeriac-test:dev", "tests/e2e/Dockerfile"],
] as const;

/** Namespaces of the tests, deleted before and after them. */
const NAMESPACES = ["celeriac", "celeriac-outside", "celeriac-tried", "celeriac-production"];
/** The namespace that may belong to another installation, and the label that marks the tests' own. */
const MARKED = "celeriac";
const MARK = "celeriac-tests";

/** Finds or creates a cluster that has the images.
 *
 * | available | used |
 * |---|---|
 * | `CELERIAC_TEST_CLUSTER` | a command: `up` creates a cluster, `kubeconfig` prints the path of its configuration, `status` fails if there is none, `autoscaling` adds KEDA, `down` deletes it |
 * | `KUBECONFIG` | that cluster; its namespaces `celeriac` and `celeriac-...` are created and deleted, unless `celeriac` was not created by the tests |
 * | `kind` and `docker` | a new cluster without KEDA: tests that need KEDA fail |
 *
 * With `CELERIAC_TEST_IMAGES`, a command, `base` puts the public images into the cluster and
 * `build TAG CONTEXT DOCKERFILE` builds one. Without it, the cluster must have the images.
 *
 * @param say receives one line for each step
 * @throws {NoServer} if no cluster is available */
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
    "Cannot run the end-to-end tests because no Kubernetes cluster is available: install kind and docker, or set KUBECONFIG to a cluster that has the images celeriac:dev and celeriac-test:dev",
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
    // another `down` removes the rest of an interrupted run
    await up().catch(() => order("down").then(up)).catch(async (error) => {
      await down().catch(() => {}); // the first error has the cause
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
      // without pods, no process and no network is left
      if (!before) await kubectl("delete", "deployments", "--all", "-A", "--cascade=foreground");
      await down();
    });
  } catch (error) {
    await down();
    throw error;
  }
}

/** A failure of the environment: reported in full, without failing a test. */
function noCluster(step: string, cause: unknown): NoServer {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new NoServer(`Cannot run the end-to-end tests because "${step}" failed: ${reason}`, {
    cause,
  });
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
  say("Creating a cluster with kind");
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

/** Always deletes the namespaces, so that a run does not see objects of the previous one. */
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

/** Protects another Celeriac installation in this cluster.
 *
 * @throws {NoServer} if the namespace exists and no test created it */
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

/** Kills pods of terminating namespaces: they are not recreated, and none has work left. */
async function removeNamespaces(kubectl: Kubectl): Promise<void> {
  const namespaces = ["delete", "namespace", ...NAMESPACES, "--ignore-not-found"];
  await kubectl(...namespaces, "--wait=false");
  for (const namespace of NAMESPACES) {
    await kubectl("delete", "pods", "--all", "-n", namespace, "--grace-period=1");
  }
  await kubectl(...namespaces);
}

/** Finds kubectl: `KUBECTL`, one in `PATH`, or one beside the cluster's configuration. */
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
