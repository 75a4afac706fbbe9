import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

Deno.test("1,000 tasks end with 1,000 SUCCESS rows although the worker is killed half-way", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  // slow enough that the kill finds some finished, some running and some waiting
  const env = { ...pipeline.env, CELERIAC_CONCURRENCY: "8" };
  await using victim = await startWorker({ env });

  const lines = Array.from({ length: 1_000 }, () => `{"name":"test.sleep","args":[0.02]}\n`);
  const answer = await fetch(`${url}/v1/tasks:batch`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.join(""),
  });
  const accepted = (await answer.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert(accepted.every(({ status }) => status === 202), JSON.stringify(accepted[0]));

  await eventually("half of them", async () => await pipeline.count("SUCCESS") >= 400);
  victim.kill("SIGKILL");
  await victim.exit();
  const finished = await pipeline.count("SUCCESS");
  assert(finished < 1_000, `all ${finished} were done before the kill`);

  await using _successor = await startWorker({ env });
  await eventually("all of them", async () => await pipeline.count("SUCCESS") === 1_000);
  const rows = await pipeline.rows<{ id: string }>("SELECT id FROM celeriac.task ORDER BY id");
  assertEquals(rows.map(({ id }) => id), accepted.map(({ id }) => id).sort());
});
