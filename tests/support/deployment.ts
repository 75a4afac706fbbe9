/** Celeriac on a cluster, as docs/run/kubernetes.md deploys it, and ways to look at it.
 * @module
 */
import { eventually } from "./eventually.ts";
import { Process, run } from "./process.ts";
import { checkout } from "./roles.ts";

/** Where everything is. */
export const NAMESPACE = "celeriac";

const PATIENCE_MS = 300_000;

/** Seconds to wait for what a loaded machine does slowly. */
export const PATIENCE = PATIENCE_MS / 1000;

function program(): string {
  const path = Deno.env.get("KUBECTL");
  if (path) return path;
  throw new Error('Cannot run as KUBECTL is not set: run "deno task test:e2e"');
}

/** Runs kubectl in our namespace and returns what it printed. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  return await run(program(), ["--namespace", NAMESPACE, ...args], { timeoutMs: PATIENCE_MS });
}

/** Runs commands as the documentation shows them, with the kubectl and the Deno of the tests. */
export async function paste(commands: string): Promise<void> {
  const own = commands.replaceAll(/\bkubectl\b/g, program())
    .replaceAll(/\bdeno\b/g, Deno.execPath());
  await run("sh", ["-ec", own], { cwd: checkout, timeoutMs: PATIENCE_MS });
}

/** Starts kubectl in our namespace; kill it or let it end. */
export function startKubectl(...args: readonly string[]): Process {
  return Process.start(program(), ["--namespace", NAMESPACE, ...args]);
}

/** Checks that the cluster has KEDA.
 *
 * @throws when it does not: a test that needs it fails, and is not skipped */
export async function requireKeda(): Promise<void> {
  if ((await kubectl("api-resources", "-o", "name")).includes("scaledobjects.keda.sh")) return;
  throw new Error(
    "Cannot test this overlay because the cluster has no KEDA: install it (https://keda.sh/docs/latest/deploy/) and name the cluster in KUBECONFIG",
  );
}

/** Applies a text as kubectl does with a file. */
export async function applyText(
  verb: "create" | "apply",
  text: string,
  namespace: string = NAMESPACE,
): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(file, text);
  try {
    await kubectl("--namespace", namespace, verb, "-f", file);
  } finally {
    await Deno.remove(file);
  }
}

/** An object as JSON. */
export async function get(...what: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await kubectl("get", ...what, "-o", "json"));
}

/** A value of a Secret.
 *
 * @param namespace default ours */
export async function secret(
  name: string,
  key: string,
  namespace: string = NAMESPACE,
): Promise<string> {
  const { data } = await get("--namespace", namespace, "secret", name) as {
    data: Record<string, string>;
  };
  return new TextDecoder().decode(Uint8Array.fromBase64(data[key] ?? ""));
}

/** Makes the namespace, and the Secrets where there are none, applies an overlay, and waits until everything is ready.
 *
 * Where another app was there, the broker gets the queues of this overlay's app as after an upgrade: by the job.
 *
 * @param overlay folder relative to the checkout */
export async function deploy(overlay: string): Promise<void> {
  const there = (what: string) => kubectl("get", what, "--ignore-not-found", "-o", "name");
  await kubectl("apply", "-f", `${checkout}infra/k8s/base/namespace.yaml`);
  if (!await there("secret/celeriac-api")) {
    await applyText("create", await run(Deno.execPath(), ["run", `${checkout}cli.ts`, "secrets"]));
  }
  const image = () =>
    kubectl(
      ...["get", "deployment/worker", "--ignore-not-found"],
      ...["-o", "jsonpath={.spec.template.spec.containers[0].image}"],
    );
  const before = await image();
  await kubectl("apply", "-k", `${checkout}${overlay}`);
  if (before && before !== await image()) {
    await rolledOut("statefulset/rabbitmq");
    await applyDefinitions();
  }
  await settled();
}

/** Waits until every pod that should be there is, and is ready. */
export async function settled(): Promise<void> {
  for (const what of ["statefulset/postgres", "statefulset/rabbitmq"]) await rolledOut(what);
  for (const what of ["deployment/api", "deployment/worker", "deployment/beat"]) {
    await rolledOut(what);
  }
}

/** How often a container was started again, of all the pods there are now.
 *
 * @param namespace default ours */
export async function restarts(namespace: string = NAMESPACE): Promise<number> {
  type Containers = { restartCount: number }[];
  const { items } = await get("--namespace", namespace, "pods") as {
    items: { status: { containerStatuses?: Containers; initContainerStatuses?: Containers } }[];
  };
  return items
    .flatMap(({ status }) => [status.containerStatuses ?? [], status.initContainerStatuses ?? []])
    .flat()
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}

/** Waits until a rollout is over. */
export async function rolledOut(what: string): Promise<void> {
  await kubectl("rollout", "status", what, `--timeout=${PATIENCE}s`);
}

/** What `/readyz` of a role says.
 *
 * @param pod its name, or for instance `deployment/worker` */
export async function readiness(pod: string, port: number): Promise<string> {
  const ask = `console.log(await (await fetch("http://127.0.0.1:${port}/readyz")).text())`;
  return await kubectl("exec", pod, "--", "deno", "eval", ask);
}

/** Names of a component's pods that are not on their way out. */
export async function podsOf(component: string): Promise<string[]> {
  const { items } = await get(
    "pods",
    "-l",
    `app.kubernetes.io/name=celeriac,app.kubernetes.io/component=${component}`,
  ) as { items: { metadata: { name: string; deletionTimestamp?: string } }[] };
  return items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) =>
    metadata.name
  );
}

/** A pod of ours with nothing to do but what it is told by `kubectl exec`; it goes when it is disposed.
 *
 * @param labels what it claims to be
 * @param namespace default ours */
export async function idlePod(
  name: string,
  labels: Readonly<Record<string, string>>,
  namespace: string = NAMESPACE,
): Promise<AsyncDisposable & { exec(...command: readonly string[]): Promise<string> }> {
  const where = ["--namespace", namespace];
  await applyText(
    "apply",
    JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, labels },
      spec: {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 0,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 1993,
          seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [{
          name: "idle",
          image: "celeriac-test:dev",
          imagePullPolicy: "IfNotPresent",
          command: ["sleep", "infinity"],
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
          },
          resources: { requests: { cpu: "10m" } },
        }],
      },
    }),
    namespace,
  );
  await kubectl(...where, "wait", "--for=condition=Ready", `pod/${name}`, `--timeout=${PATIENCE}s`);
  return {
    exec: (...command) => kubectl(...where, "exec", name, "--", ...command),
    async [Symbol.asyncDispose]() {
      await kubectl(...where, "delete", "pod", name, "--wait=false", "--ignore-not-found");
    },
  };
}

/** The command that runs a script of ours in a pod.
 *
 * @param path relative to the checkout */
export function inImage(path: string): string[] {
  return ["deno", "run", "-A", "--cached-only", `/app/${path}`];
}

/** A pod that may submit tasks.
 *
 * @param namespace default ours */
export function client(name: string, namespace?: string): ReturnType<typeof idlePod> {
  return idlePod(name, { "celeriac-api-client": "true" }, namespace);
}

/** A way from here to a port of a Service, as long as its pod lives. */
export async function forward(
  target: string,
  port: number,
): Promise<AsyncDisposable & { port: number }> {
  const process = startKubectl("port-forward", target, `:${port}`);
  try {
    const [, local] = await process.said(/Forwarding from 127\.0\.0\.1:(\d+)/);
    return { port: Number(local), [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits for something of the cluster. */
export function seen<Value>(what: string, look: () => Promise<Value>) {
  const patient = async () => {
    const value = await look();
    if (!value) await new Promise((resolve) => setTimeout(resolve, 500));
    return value;
  };
  return eventually(what, patient, { within: PATIENCE });
}

/** Runs the Job that brings the broker to what it should be, and returns its log. */
export async function applyDefinitions(): Promise<string> {
  const name = `definitions-${crypto.randomUUID().slice(0, 8)}`;
  await kubectl("create", "job", name, "--from=cronjob/definitions");
  await kubectl("wait", "--for=condition=Complete", `job/${name}`, `--timeout=${PATIENCE}s`);
  return await kubectl("logs", `job/${name}`);
}
