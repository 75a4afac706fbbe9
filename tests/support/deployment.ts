/** Deploys Celeriac to a cluster as docs/run/kubernetes.md describes, and inspects it.
 * @module
 */
import { eventually } from "./eventually.ts";
import { Process, run } from "./process.ts";
import { checkout } from "./roles.ts";

/** Namespace of the deployment. */
export const NAMESPACE = "celeriac";

const PATIENCE_MS = 300_000;

/** Timeout in seconds, long enough for a loaded machine. */
export const PATIENCE = PATIENCE_MS / 1000;

function program(): string {
  const path = Deno.env.get("KUBECTL");
  if (path) return path;
  throw new Error('Cannot run because KUBECTL is not set: run "deno task test:e2e"');
}

/** Runs kubectl in Celeriac's namespace and returns its output. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  return await run(program(), ["--namespace", NAMESPACE, ...args], { timeoutMs: PATIENCE_MS });
}

/** Runs commands of the documentation with the kubectl and the Deno of the tests. */
export async function paste(commands: string): Promise<void> {
  const own = commands.replaceAll(/\bkubectl\b/g, program())
    .replaceAll(/\bdeno\b/g, Deno.execPath());
  await run("sh", ["-ec", own], { cwd: checkout, timeoutMs: PATIENCE_MS });
}

/** Starts kubectl in Celeriac's namespace; the caller stops it. */
export function startKubectl(...args: readonly string[]): Process {
  return Process.start(program(), ["--namespace", NAMESPACE, ...args]);
}

/** Checks that the cluster has KEDA.
 *
 * @throws if it does not: a test that needs KEDA fails and is not skipped */
export async function requireKeda(): Promise<void> {
  if ((await kubectl("api-resources", "-o", "name")).includes("scaledobjects.keda.sh")) return;
  throw new Error(
    "Cannot test this overlay because the cluster has no KEDA: install it (https://keda.sh/docs/latest/deploy/) and name the cluster in KUBECONFIG",
  );
}

/** Applies a manifest with kubectl. */
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

/** Reads an object as JSON. */
export async function get(...what: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await kubectl("get", ...what, "-o", "json"));
}

/** Reads a value of a Secret.
 *
 * @param namespace default: Celeriac's namespace */
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

/** Creates the namespace and missing Secrets, applies an overlay, and waits until everything is ready.
 *
 * If another app was deployed before, the job declares the queues of this overlay's app, as after an upgrade.
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

/** Waits until every expected pod exists and is ready. */
export async function settled(): Promise<void> {
  for (const what of ["statefulset/postgres", "statefulset/rabbitmq"]) await rolledOut(what);
  for (const what of ["deployment/api", "deployment/worker", "deployment/beat"]) {
    await rolledOut(what);
  }
}

/** Counts container restarts of all present pods.
 *
 * @param namespace default: Celeriac's namespace */
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

/** Waits until a rollout is complete. */
export async function rolledOut(what: string): Promise<void> {
  await kubectl("rollout", "status", what, `--timeout=${PATIENCE}s`);
}

/** Reads `/readyz` of a role.
 *
 * @param pod its name, or a reference such as `deployment/worker` */
export async function readiness(pod: string, port: number): Promise<string> {
  const ask = `console.log(await (await fetch("http://127.0.0.1:${port}/readyz")).text())`;
  return await kubectl("exec", pod, "--", "deno", "eval", ask);
}

/** Names of a component's pods that are not terminating. */
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

/** Starts an idle pod for commands of `kubectl exec`. Disposing deletes it.
 *
 * @param labels labels of the pod
 * @param namespace default: Celeriac's namespace */
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

/** Returns the command that runs a script of the checkout in a pod.
 *
 * @param path relative to the checkout */
export function inImage(path: string): string[] {
  return ["deno", "run", "-A", "--cached-only", `/app/${path}`];
}

/** Starts a pod that may submit tasks.
 *
 * @param namespace default: Celeriac's namespace */
export function client(name: string, namespace?: string): ReturnType<typeof idlePod> {
  return idlePod(name, { "celeriac-api-client": "true" }, namespace);
}

/** Forwards a local port to a port of a Service, as long as its pod exists. */
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

/** Waits for a condition of the cluster. */
export function seen<Value>(what: string, look: () => Promise<Value>) {
  const patient = async () => {
    const value = await look();
    if (!value) await new Promise((resolve) => setTimeout(resolve, 500));
    return value;
  };
  return eventually(what, patient, { within: PATIENCE });
}

/** Runs the Job that applies the broker's definitions, and returns its log. */
export async function applyDefinitions(): Promise<string> {
  const name = `definitions-${crypto.randomUUID().slice(0, 8)}`;
  await kubectl("create", "job", name, "--from=cronjob/definitions");
  await kubectl("wait", "--for=condition=Complete", `job/${name}`, `--timeout=${PATIENCE}s`);
  return await kubectl("logs", `job/${name}`);
}
