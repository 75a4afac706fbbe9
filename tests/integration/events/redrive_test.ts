/** Redrives of events' dead letters, and copies with other content, with API, beat and worker of real processes. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eventTaskId } from "../../../shared/events/event_key.ts";
import { commandLine } from "../../support/command_line.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startBeat, startWorker } from "../../support/roles.ts";

Deno.test("a redriven event becomes the task of the corrected subscription alone", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const { beat, health } = await startBeat(pipeline);
  await using _beat = beat;
  await using _worker = await startWorker(pipeline);
  const send = async (method: string, path: string, body: unknown) => {
    const answer = await fetch(`${url}/v1/${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    assert(answer.ok, `${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  const strict = { patterns: ["test.#"], task: "test.echo", args: "/data/value" };
  await send("POST", "subscriptions", { name: "strict", ...strict });
  const event = { type: "test.eu.happened", id: "1", source: "/test", data: { value: 17 } };
  const { key } = await send("POST", "events", event);
  const letters = async () => {
    const answer = await fetch(`${url}/v1/dead-letters?queue=inbox.celeriac`);
    return (await answer.json()).dead_letters as { id: string; detail: string; died_at: string }[];
  };
  const [first] = await eventually("a letter", async () => {
    const found = await letters();
    return found.length === 1 ? found : undefined;
  });
  assertStringIncludes(first!.detail, "subscription 'strict': Cannot take arguments");
  const dead = commandLine("dead", url);
  assertEquals((await dead("redrive", "--queue=inbox.celeriac")).code, 0);
  await eventually("the same letter, later", async () => {
    const [again] = await letters();
    return again?.id === first!.id && again.died_at !== first!.died_at;
  });
  await send("PUT", "subscriptions/strict", { ...strict, args: { value: "/data/value" } });
  assertEquals((await dead("redrive", "--queue=inbox.celeriac")).code, 0);
  const id = eventTaskId(key, "strict");
  const { state, result } = await pipeline.final(id);
  assertEquals([state, result], ["SUCCESS", 17]);
  await eventually("the task in the event's record", async () => {
    const { tasks } = await (await fetch(`${url}/v1/events/${key}`)).json();
    return tasks.some((one: { subscription: string }) => one.subscription === "strict");
  });
  assertEquals(await letters(), []);

  await send("POST", "events", event);
  await send("POST", "events", { ...event, data: { value: 18 } });
  await eventually("both metrics", async () => {
    const metrics = await (await fetch(`${health}/metrics`)).text();
    return /^celeriac_events_duplicate_total\{type="test\.eu\.happened"\} 1$/m.test(metrics) &&
      /^celeriac_events_conflicting_total\{type="test\.eu\.happened"\} 1$/m.test(metrics);
  });
  assertMatch(beat.output, /has the same source, id and time but other content/);
});
