import { assertEquals, assertNotEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

const row = "SELECT state, worker, result FROM celeriac.task WHERE id = $1";

Deno.test("a worker frozen until redelivery neither overwrites nor repeats", async () => {
  await using pipeline = await freshPipeline();
  await pipeline.rows("CREATE TABLE ledger (id text)");
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using zombie = await startWorker({
    env: { ...pipeline.env, CELERIAC_NODE: "celeriac@zombie" },
  });
  const look = async (id: string) =>
    (await pipeline.rows<{ state: string; worker: string; result: unknown }>(row, [id]))[0];

  // The sleep ends in both workers.
  const { id } = await submit(url, "test.complete", {
    kwargs: { seconds: 3, then: "follower" },
  });
  await eventually("the zombie runs it", async () => (await look(id))?.state === "STARTED");
  zombie.kill("SIGSTOP");
  await using _heir = await startWorker({
    env: { ...pipeline.env, CELERIAC_NODE: "celeriac@heir" },
  });
  await eventually("the heir runs it", async () => (await look(id))?.worker === "celeriac@heir", {
    within: 120,
  });
  zombie.kill("SIGCONT");

  const first = await pipeline.final(id);
  assertEquals(first.state, "SUCCESS");
  await pipeline.final("follower");
  // A later task on the frozen worker shows that it has finished the old one.
  await eventually("the zombie works again", async () => {
    const { id: probe } = await submit(url, "test.echo", { args: ["?"] }, { prefer: "wait=30" });
    return (await look(probe))?.worker === "celeriac@zombie";
  }, { within: 60 });
  const after = await look(id);
  assertEquals(after?.result, first.result);
  assertNotEquals(after?.state, "STARTED");
  const ledger = await pipeline.rows("SELECT id FROM ledger ORDER BY id");
  assertEquals(ledger, [{ id }, { id: "follower" }].sort((a, b) => a.id < b.id ? -1 : 1));
});
