/** Rotates the passwords of a role with the commands of docs/run/kubernetes.md. */
import { assertRejects, assertStringIncludes } from "@std/assert";
import {
  client,
  deploy,
  kubectl,
  paste,
  PATIENCE,
  rolledOut,
  secret,
} from "../support/deployment.ts";
import { checkout } from "../support/roles.ts";

/** @throws if the broker refuses the worker's password */
async function authenticate(password: string): Promise<void> {
  const tool = ["rabbitmqctl", "-q", "authenticate_user", "celeriac-worker", password];
  await kubectl("exec", "rabbitmq-0", "-c", "rabbitmq", "--", ...tool);
}

Deno.test("the documented rotation changes a role's passwords while its tasks continue", async () => {
  await deploy("tests/e2e/overlay");
  const page = await Deno.readTextFile(`${checkout}docs/run/kubernetes.md`);
  const [, commands = ""] = /### Rotation\n\n```sh\n([^]*?)```/.exec(page) ?? [];
  assertStringIncludes(commands, "--rotate=worker");
  const old = await secret("celeriac-broker", "worker");
  await authenticate(old);

  await paste(commands);

  const job = ["--for=condition=Complete", "job/rotate-worker", `--timeout=${PATIENCE}s`];
  await kubectl("wait", ...job);
  await rolledOut("deployment/worker");
  await authenticate(await secret("celeriac-broker", "worker"));
  await assertRejects(() => authenticate(old));
  await using pod = await client("rotated");
  const token = await secret("celeriac-api", "token");
  const call = ["celeriac", "call", "test.echo", "value=rotated", "--url=http://api"];
  assertStringIncludes(await pod.exec("env", `CELERIAC_API_TOKEN=${token}`, ...call), "rotated");
});
