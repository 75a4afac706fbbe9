/** Checks that network policies allow exactly the necessary connections. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  applyText,
  deploy,
  get,
  idlePod,
  inImage,
  kubectl,
  NAMESPACE,
  seen,
} from "../support/deployment.ts";

const OUTSIDE = "celeriac-outside";
/** Namespace of Prometheus in the metrics policies. */
const MONITORING = "monitoring";

/** The API server represents all addresses outside the deployment. */
const WORLD = "kubernetes.default.svc.cluster.local:443";

const inside = (name: string, port: number) => `${name}.${NAMESPACE}.svc.cluster.local:${port}`;
const api = inside("api", 80);
const amqp = inside("rabbitmq", 5672);
const management = inside("rabbitmq", 15672);
const brokerMetrics = inside("rabbitmq", 15692);
const postgres = inside("postgres", 5432);

type Exec = (...command: readonly string[]) => Promise<string>;

/** Tests an address after the rules have reached the pod. */
async function flows(
  name: string,
  ask: (addresses: readonly string[]) => Promise<Record<string, boolean>>,
  wanted: Record<string, boolean>,
): Promise<void> {
  let last = {};
  const same = seen(`the flows of ${name}`, async () => {
    last = await ask(Object.keys(wanted));
    return JSON.stringify(last) === JSON.stringify(wanted);
  });
  await same.catch(() => assertEquals(last, wanted, name));
}

const byDeno = (exec: Exec) => async (addresses: readonly string[]) =>
  JSON.parse(await exec(...inImage("tests/e2e/pods/reach.ts"), ...addresses));

/** For images with a shell and without Deno. */
const byBash = (exec: Exec) => async (addresses: readonly string[]) => {
  const said = addresses.map(async (address) => {
    const path = `/dev/tcp/${address.replace(":", "/")}`;
    const script = `timeout 3 bash -c '< ${path}' 2> /dev/null && echo open || echo closed`;
    return [address, (await exec("bash", "-c", script)).trim() === "open"] as const;
  });
  return Object.fromEntries(await Promise.all(said));
};

const inPod = (pod: string, container: string): Exec => (...command) =>
  kubectl("exec", pod, "-c", container, "--", ...command);

/** Creates a namespace unless it exists. Disposing deletes it if it was created here. */
async function namespace(name: string): Promise<AsyncDisposable> {
  const before = await kubectl("get", "namespace", name, "--ignore-not-found", "-o", "name");
  const object = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
  if (!before) await applyText("create", JSON.stringify(object));
  return {
    async [Symbol.asyncDispose]() {
      if (!before) await kubectl("delete", "namespace", name, "--wait=false");
    },
  };
}

/** Addresses of `/metrics` and probes of a role, for one of its pods. */
async function health(component: string): Promise<string> {
  const { items } = await get(
    "pods",
    "-l",
    `app.kubernetes.io/component=${component}`,
    "--field-selector=status.phase=Running",
  ) as { items: { status: { podIP: string } }[] };
  return `${items[0]?.status.podIP}:9000`;
}

Deno.test("Celeriac's pods have only the connections they need", async () => {
  await deploy("tests/e2e/overlay");
  const worker = await health("worker");
  const beat = await health("beat");
  for (const role of ["api", "worker", "beat"]) {
    await flows(role, byDeno(inPod(`deployment/${role}`, role)), {
      [amqp]: true,
      [postgres]: true,
      [management]: false,
      [brokerMetrics]: false,
      ...(role === "api" ? {} : { [api]: false }),
      ...(role === "worker" ? {} : { [worker]: false }),
      ...(role === "beat" ? {} : { [beat]: false }),
      [WORLD]: false,
    });
  }
  await using definitions = await idlePod("definitions-flows", {
    "app.kubernetes.io/name": "celeriac",
    "app.kubernetes.io/component": "definitions",
  });
  await flows("the job for definitions", byDeno(definitions.exec), {
    [management]: true,
    [amqp]: false,
    [postgres]: false,
    [api]: false,
    [WORLD]: false,
  });
  await flows("RabbitMQ", byBash(inPod("rabbitmq-0", "rabbitmq")), {
    [postgres]: false,
    [api]: false,
    [worker]: false,
    [WORLD]: false,
  });
  await flows("Postgres", byBash(inPod("postgres-0", "postgres")), {
    [amqp]: false,
    [management]: false,
    [api]: false,
    [worker]: false,
    [WORLD]: false,
  });
});

Deno.test("other pods can connect only to the API and, if permitted, to metrics", async () => {
  await deploy("tests/e2e/overlay");
  const worker = await health("worker");
  const apiHealth = await health("api");
  const closed = { [amqp]: false, [management]: false, [postgres]: false };
  await using stranger = await idlePod("stranger", {});
  await flows("a stranger", byDeno(stranger.exec), {
    ...closed,
    [api]: false,
    [worker]: false,
    [brokerMetrics]: false,
    [WORLD]: false,
  });
  await using client = await idlePod("client", { "celeriac-api-client": "true" });
  await flows("a client", byDeno(client.exec), {
    ...closed,
    [api]: true,
    [apiHealth]: false,
    [worker]: false,
    [WORLD]: false,
  });
  await using events = await idlePod("events", { "celeriac-event-client": "true" });
  await flows("a client of events", byDeno(events.exec), {
    ...closed,
    [amqp]: true,
    [api]: false,
    [worker]: false,
    [WORLD]: false,
  });
  await using _outside = await namespace(OUTSIDE);
  await using outsider = await idlePod("outsider", { "celeriac-api-client": "true" }, OUTSIDE);
  await flows("a pod of another namespace", byDeno(outsider.exec), {
    ...closed,
    [WORLD]: true,
    [api]: false,
    [worker]: false,
    [brokerMetrics]: false,
  });
  await using _monitoring = await namespace(MONITORING);
  await using prometheus = await idlePod("prometheus", {}, MONITORING);
  await flows("a pod that monitors", byDeno(prometheus.exec), {
    ...closed,
    [api]: false,
    [apiHealth]: true,
    [worker]: true,
    [brokerMetrics]: true,
  });
  for (const [address, metric] of [[apiHealth, "celeriac_dead_letters"], [worker, "celeriac_"]]) {
    const ask = `console.log(await (await fetch("http://${address}/metrics")).text())`;
    assertStringIncludes(await prometheus.exec("deno", "eval", ask), metric!);
  }
});
