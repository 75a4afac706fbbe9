/** Checks that an operator sees each deployment mistake, and that roles recover once it is corrected. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  applyDefinitions,
  applyText,
  client,
  deploy,
  forward,
  get,
  kubectl,
  podsOf,
  readiness,
  restarts,
  rolledOut,
  secret,
  seen,
  settled,
} from "../support/deployment.ts";
import { management } from "../support/servers.ts";

const HEALTH = 9000;

/** Sends a request to the broker as its administrator. */
async function administer(work: (url: string) => Promise<unknown>): Promise<void> {
  await using way = await forward("pod/rabbitmq-0", 15672);
  const password = await secret("celeriac-broker", "admin");
  await work(`http://celeriac-admin:${password}@127.0.0.1:${way.port}`);
}

/** Runs a statement as the superuser of the database. */
async function sql(text: string): Promise<void> {
  const psql = ["psql", "-qU", "postgres", "-d", "celeriac", "-v", "ON_ERROR_STOP=1", "-c", text];
  await kubectl("exec", "postgres-0", "--", ...psql);
}

/** Waits until the readiness of a worker and its log contain this reason. */
async function workerSays(reason: string): Promise<void> {
  await seen(`"${reason}" in the readiness and the log of a worker`, async () => {
    const quietly = () => ""; // it may not have started yet
    for (const pod of await podsOf("worker")) {
      const told = await readiness(pod, HEALTH).catch(quietly);
      const logged = await kubectl("logs", pod).catch(quietly);
      if (told.includes(reason) && logged.includes(reason)) return true;
    }
  });
}

/** Waits until every role is ready without a container restart. */
async function ready(): Promise<void> {
  const before = await restarts();
  await settled();
  assertEquals(await restarts(), before);
}

Deno.test("a missing Secret is reported, and creating it is sufficient", async () => {
  await deploy("tests/e2e/overlay");
  const { metadata: { name, namespace }, data, type } = await get("secret", "celeriac-worker") as {
    metadata: { name: string; namespace: string };
    data: unknown;
    type: string;
  };
  await kubectl("delete", "secret", name);
  const [old = ""] = await podsOf("worker");
  await kubectl("delete", "pod", old, "--wait=false");
  await workerSays("make the Secrets by `deno task secrets`");
  await applyText(
    "create",
    JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data, type }),
  );
  // the kubelet would refresh it within a minute and a half
  await kubectl("annotate", "pod", "--all", "--overwrite", `refreshed=${Date.now()}`);
  await ready();
});

Deno.test("a wrong broker password is reported, and importing it from the Secret is sufficient", async () => {
  await administer(async (url) => {
    const user = { password: "wrong", tags: "" };
    await management(url, "PUT", "/api/users/celeriac-worker", user);
    await management(url, "DELETE", "/api/connections/username/celeriac-worker");
  });
  await workerSays("wrong user name or password");
  await applyDefinitions();
  await ready();
});

Deno.test("a missing vhost is reported, and importing it is sufficient", async () => {
  await administer((url) => management(url, "DELETE", "/api/vhosts/celeriac"));
  await workerSays("vhost");
  await applyDefinitions();
  await ready();
});

Deno.test("a wrong database password is reported, and correcting it is sufficient", async () => {
  await sql("alter role app_worker password 'wrong'");
  const [old = ""] = await podsOf("worker");
  await kubectl("delete", "pod", old, "--wait=false");
  await workerSays("password authentication failed");
  await kubectl("exec", "postgres-0", "--", "bash", "/docker-entrypoint-initdb.d/logins.sh");
  await ready();
});

Deno.test("an image without the task module is reported, and the earlier pods continue", async () => {
  const variable = "CELERIAC_HANDLERS";
  await kubectl("set", "env", "deployment/worker", `${variable}=/app/nowhere.ts`);
  await workerSays("Cannot load handlers module '/app/nowhere.ts'");
  const { status } = await get("deployment", "worker") as { status: { readyReplicas?: number } };
  assertEquals(status.readyReplicas, 2);
  await kubectl("set", "env", "deployment/worker", `${variable}-`);
  await rolledOut("deployment/worker");
});

Deno.test("a database without migrations is reported, and migrating is sufficient", async () => {
  await sql("drop schema celeriac cascade");
  const [old = ""] = await podsOf("worker");
  await kubectl("delete", "pod", old, "--wait=false");
  await workerSays("run `deno task migrate`");
  await kubectl("rollout", "restart", "deployment/api");
  await rolledOut("deployment/api");
  await ready();
});

Deno.test("a task succeeds after all mistakes", async () => {
  await using pod = await client("mended");
  const token = await secret("celeriac-api", "token");
  const call = ["celeriac", "call", "test.echo", "value=mended", "--url=http://api"];
  assertStringIncludes(await pod.exec("env", `CELERIAC_API_TOKEN=${token}`, ...call), "mended");
});
