import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

Deno.test("a message that kills its workers becomes a dead letter, other messages do not", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const neighbours: string[] = [];
  // The API is ready before its queues are, as a database is enough to accept.
  const accepted = (task: string, body: unknown) =>
    eventually(`${task} is accepted`, () => submit(url, task, body).catch(() => undefined));
  const { id: poison } = await accepted("test.poison", {});
  for (let n = 0; n < 20; n++) {
    neighbours.push((await accepted("test.sleep", { args: [0.3] })).id);
  }

  const isFinal = "SELECT state FROM celeriac.task WHERE id = $1 AND finished_at IS NOT NULL";
  let deaths = 0;
  // One death more than its own count where the first hand-out was to a worker that died over something else.
  for (let over = false; !over && deaths < 8;) {
    await using worker = await startWorker({ ...pipeline, permissions: ["--allow-run"] });
    const died = worker.exit({ timeoutMs: 120_000 }).then(() => true);
    const finished = eventually("the poison's end", async () => {
      return (await pipeline.rows(isFinal, [poison])).length === 1;
    }).then(() => false);
    finished.catch(() => {});
    if (await Promise.race([died, finished])) {
      deaths++;
      continue;
    }
    over = true;
    for (const id of neighbours) assertEquals((await pipeline.final(id)).state, "SUCCESS");
    died.catch(() => {});
  }
  assert(deaths >= 4 && deaths <= 5, `${deaths} workers died`);

  const { state, exception, retries } = await pipeline.final(poison);
  assertEquals({ state, retries, type: exception?.exc_type }, {
    state: "FAILURE",
    retries: 0,
    type: "WorkerLostError",
  });
  assertEquals((await pipeline.letters(poison)).map(({ reason }) => reason), ["poison"]);
  assertEquals((await pipeline.rows("SELECT id FROM celeriac.dead_letter")).length, 1);
});

Deno.test("repeated stops of workers during a task do not make it poison", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const { id } = await submit(url, "test.sleep", { args: [8] });
  const running =
    "SELECT id FROM celeriac.task WHERE id = $1 AND state = 'STARTED' AND worker = $2";
  for (let round = 1; round <= 5; round++) {
    const node = `celeriac@round-${round}`;
    const env = { ...pipeline.env, CELERIAC_GRACE: "0.1", CELERIAC_NODE: node };
    await using worker = await startWorker({ env });
    await eventually(
      "it runs",
      async () => (await pipeline.rows(running, [id, node])).length === 1,
    );
    worker.kill("SIGTERM");
    await worker.exit();
  }
  const counted = await pipeline.rows("SELECT runs FROM celeriac.crash WHERE runs > 0");
  assertEquals(counted, []);
  await using _last = await startWorker(pipeline);
  const { state, retries } = await pipeline.final(id);
  assertEquals({ state, retries }, { state: "SUCCESS", retries: 0 });
});
