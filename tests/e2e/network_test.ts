/** Every flow that is needed is open, and every other one closed. */
import { assertEquals } from "@std/assert";
import {
  applyText,
  deploy,
  idlePod,
  inImage,
  kubectl,
  NAMESPACE,
  seen,
} from "../support/deployment.ts";

const OUTSIDE = "celeriac-outside";

/** The API server stands for everything that is not ours. */
const WORLD = "kubernetes.default.svc.cluster.local:443";

const inside = (name: string, port: number) => `${name}.${NAMESPACE}.svc.cluster.local:${port}`;
const api = inside("api", 80);
const amqp = inside("rabbitmq", 5672);
const management = inside("rabbitmq", 15672);
const postgres = inside("postgres", 5432);

type Exec = (...command: readonly string[]) => Promise<string>;

/** What an address answers once the rules have reached the pod. */
async function flows(name: string, exec: Exec, wanted: Record<string, boolean>): Promise<void> {
  const script = inImage("tests/e2e/pods/reach.ts");
  const ask = async () => JSON.parse(await exec(...script, ...Object.keys(wanted)));
  let last = {};
  const same = seen(`the flows of ${name}`, async () => {
    last = await ask();
    return JSON.stringify(last) === JSON.stringify(wanted);
  });
  await same.catch(() => assertEquals(last, wanted, name));
}

const inPod = (pod: string, container: string): Exec => (...command) =>
  kubectl("exec", pod, "-c", container, "--", ...command);

Deno.test("needed flows are open and forbidden ones closed", async () => {
  await deploy("tests/e2e/overlay");
  await flows("the API", inPod("deployment/api", "api"), {
    [amqp]: true,
    [postgres]: true,
    [management]: false,
    [WORLD]: false,
  });
  await flows("a worker", inPod("deployment/worker", "worker"), {
    [amqp]: true,
    [postgres]: true,
    [management]: false,
    [api]: false,
    [WORLD]: false,
  });
  await using stranger = await idlePod("stranger", {});
  await flows("a stranger", stranger.exec, {
    [api]: false,
    [amqp]: false,
    [management]: false,
    [postgres]: false,
    [WORLD]: false,
  });
  await using client = await idlePod("client", { "celeriac-api-client": "true" });
  await flows("a client", client.exec, {
    [api]: true,
    [amqp]: false,
    [postgres]: false,
    [WORLD]: false,
  });
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: OUTSIDE } };
  await applyText("apply", JSON.stringify(namespace));
  await using outsider = await idlePod("outsider", { "celeriac-api-client": "true" }, OUTSIDE);
  await flows("a pod of another namespace", outsider.exec, {
    [WORLD]: true,
    [api]: false,
    [amqp]: false,
    [management]: false,
    [postgres]: false,
  });
});
