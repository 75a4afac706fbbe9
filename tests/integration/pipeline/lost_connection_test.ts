/** A worker that loses its connection is alive: its tasks continue, run once, and block no others. */
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { startApi, startWorker } from "../../support/roles.ts";

const blamed = "SELECT runs FROM celeriac.crash WHERE task_id = $1 AND runs > 0";

Deno.test("a task whose connection is lost repeatedly runs once, and other tasks continue", async () => {
  await using pipeline = await freshPipeline();
  await using proxy = TcpProxy.of(pipeline.vhost.url);
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const env = {
    ...pipeline.env,
    AMQP_URL: proxy.through(pipeline.vhost.url),
    CELERIAC_GRACE: "0.1",
  };
  const folder = await Deno.makeTempDir();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const file = `${folder}/runs`;
  const until = `${folder}/end`;
  const runs = async () => (await Deno.readTextFile(file).catch(() => "")).trim();
  const permissions = [`--allow-read=${folder}`, `--allow-write=${folder}`];
  stack.use(await startWorker({ env, permissions }));
  // It keeps the other task from running alone.
  await submit(url, "test.sleep", { args: [600] });
  const { id } = await submit(url, "test.count", { kwargs: { file, until } });
  await eventually("a run", async () => await runs() !== "");

  for (let lost = 1; lost <= 5; lost++) {
    proxy.cut();
    // It arrives after the redelivered messages.
    const { state } = await submit(url, "test.echo", { args: [lost] }, { prefer: "wait=30" });
    assertEquals(state, "SUCCESS", `a neighbour after ${lost} losses`);
  }
  await Deno.writeTextFile(until, "");

  const { state, retries } = await pipeline.final(id);
  assertEquals({ state, retries }, { state: "SUCCESS", retries: 0 });
  assertEquals(await runs(), "ran");
  assertEquals(await pipeline.rows("SELECT id FROM celeriac.dead_letter"), []);
  await eventually("no suspicion", async () => {
    return (await pipeline.rows(blamed, [id])).length === 0;
  });
});
