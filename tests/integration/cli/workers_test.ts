/** `cli.ts workers` against API and worker of real processes. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { commandLine } from "../../support/command_line.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

const NAME = "celeriac@steered";

Deno.test("cli.ts resizes a worker, and shuts it down once its running task is done", async () => {
  await using pipeline = await freshPipeline();
  const { env } = pipeline;
  const [{ api, url }, worker] = await Promise.all([
    startApi(pipeline),
    startWorker({ env: { ...env, CELERIAC_NODE: NAME, CELERIAC_CONCURRENCY: "2" } }),
  ]);
  await using _api = api;
  await using _worker = worker;
  const workers = commandLine("workers", url);
  const listed = async () => {
    const { workers } = await (await fetch(`${url}/v1/workers`)).json();
    return workers.map(({ name, concurrency }: { name: string; concurrency: number }) =>
      `${name} ${concurrency}`
    );
  };

  const unknown = await workers("shutdown", "celeriac@steerd");
  assertEquals(unknown.code, 1);
  assertStringIncludes(unknown.output, `did you mean '${NAME}'?`);
  const grown = await workers("pool-grow", NAME, "3", "--json");
  assertEquals([grown.code, JSON.parse(grown.stdout)], [0, {
    worker: NAME,
    command: "pool_grow",
    arguments: { n: 3 },
    reply: "pool will grow",
  }]);
  assertEquals(await listed(), [`${NAME} 5`]);
  const shrunk = await workers("pool-shrink", NAME);
  assertEquals(
    [shrunk.code, shrunk.stdout.trim()],
    [0, `pool_shrink was sent to ${NAME}: pool will shrink`],
  );
  assertEquals(await listed(), [`${NAME} 4`]);
  const refused = await workers("pool-shrink", NAME, "4");
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.output, "Cannot change the concurrency from 4 to 0");

  const { id } = await submit(url, "test.sleep", { kwargs: { seconds: 3 } });
  await eventually("a running task", async () => await pipeline.count("STARTED") === 1);
  const answer = await fetch(`${url}/v1/workers/${NAME}/shutdown`, { method: "POST" });
  const sent = { worker: NAME, command: "shutdown", arguments: {}, reply: null };
  assertEquals([answer.status, await answer.json()], [202, sent]);
  assertEquals((await worker.exit()).code, 0, worker.output);
  assertEquals((await pipeline.final(id)).state, "SUCCESS");
  const gone = await workers("list");
  assertEquals(gone.code, 0);
  assertStringIncludes(gone.output, "celeriac: no worker replies");
});
