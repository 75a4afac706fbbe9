/** Pauses and replays under load, with API, beat and worker of real processes. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startBeat, startWorker } from "../../support/roles.ts";

/** The subscription `test-count` writes a line with the event's id at each run. */
async function open() {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const file = join(folder, "runs");
  const pipeline = stack.use(await freshPipeline());
  const { api, url } = await startApi(pipeline);
  stack.use(api);
  const { beat } = await startBeat(pipeline);
  stack.use(beat);
  const permissions = [`--allow-read=${folder}`, `--allow-write=${folder}`];
  stack.use(await startWorker({ env: pipeline.env, permissions }));
  const send = async (path: string, body: unknown = {}) => {
    const answer = await fetch(`${url}/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert(answer.ok, `${path}: ${answer.status}`);
    return await answer.json();
  };
  const owned = stack.move();
  return {
    ...{ pipeline, url, beat, send },
    publish: (id: string) =>
      send("events", { type: "test.eu.happened", id, tenant: "counted", data: { value: file } }),
    lines: async () => {
      const text = await Deno.readTextFile(file).catch(() => "");
      return text.split("\n").filter((line) => line !== "");
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("a subscription that is paused and resumed under load gets each event once", async () => {
  await using fixture = await open();
  const { send, publish, lines } = fixture;
  const ids = Array.from({ length: 400 }, (_, index) => `event-${index}`);
  let sent = 0;
  const publishing = Promise.all(Array.from({ length: 4 }, async () => {
    while (sent < ids.length) await publish(ids[sent++]!);
  }));
  let toggles = 0;
  while (sent < ids.length) {
    await send("subscriptions/test-count/pause");
    await send("subscriptions/test-count/resume");
    toggles++;
  }
  await publishing;
  assert(toggles > 1);
  await eventually("a run of each event", async () => (await lines()).length >= ids.length);
  // A second event of the same task would run meanwhile.
  await publish("last");
  await eventually("the last run", async () => (await lines()).includes("last"));
  assertEquals((await lines()).toSorted(), [...ids, "last"].toSorted());
});

Deno.test("a replay continues when beat is killed, and sends each task once", async () => {
  await using fixture = await open();
  const { pipeline, beat, url, send, publish, lines } = fixture;
  const ids = Array.from({ length: 150 }, (_, index) => `event-${index}`);
  await Promise.all(ids.map(publish));
  await eventually("the first runs", async () => (await lines()).length >= ids.length);
  await send("subscriptions/test-count/replay", { rate: 20, again: true });
  await eventually("some of the replay", async () => (await lines()).length > ids.length + 20);
  beat.kill("SIGKILL");
  await beat.exit();
  const replay = async () => {
    const body = await (await fetch(`${url}/v1/subscriptions/test-count`)).json();
    return body.replays[0];
  };
  assertEquals((await replay()).ended_at, null);
  const { beat: next } = await startBeat(pipeline);
  await using _next = next;
  await eventually("the end of the replay", async () => (await replay()).ended_at !== null);
  await eventually("the runs", async () => (await lines()).length >= 2 * ids.length);
  await publish("last");
  await eventually("the last run", async () => (await lines()).includes("last"));
  assertEquals((await lines()).toSorted(), [...ids, ...ids, "last"].toSorted());
});
