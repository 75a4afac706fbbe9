/** `cli.ts schedules` against a beat of real processes. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { commandLine } from "../../support/command_line.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startBeat, startWorker } from "../../support/roles.ts";

Deno.test("cli.ts schedules adds and controls schedules that beat sends", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const schedules = commandLine("schedules", url);

  const added = await schedules("add", "pulse", "test.echo", "value=7", "--every=1");
  assertEquals(added.code, 0, added.output);
  assertMatch(added.output, /schedule pulse runs next at 20\d\d-/);
  const alone = await schedules("list");
  assertMatch(alone.output, /pulse +test\.echo +every 1 s +20\S+ +never +database/);
  assertStringIncludes(alone.output, "no scheduler runs");

  const { beat, health } = await startBeat(pipeline);
  await using _beat = beat;
  await using _worker = await startWorker(pipeline);
  const id = await eventually("a tick", async () => {
    const answer = await fetch(`${url}/v1/schedules/pulse`);
    return (await answer.json()).last_task;
  });
  const record = await (await fetch(`${url}/v1/tasks/${id}?wait=30`)).json();
  assertEquals([record.state, record.result, record.name], ["SUCCESS", 7, "test.echo"]);
  assertEquals((await schedules("list")).output.includes("no scheduler runs"), false);
  assertStringIncludes((await schedules("pause", "pulse")).output, "is paused");
  assertStringIncludes((await schedules("next", "pulse")).output, "schedule pulse is paused");

  const triggered = (await schedules("trigger", "pulse")).output.trim();
  const extra = await (await fetch(`${url}/v1/tasks/${triggered}?wait=30`)).json();
  assertEquals([extra.state, extra.result], ["SUCCESS", 7]);

  const wrong = await schedules("pauze", "pulse");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.output, "did you mean 'pause'?");
  assertEquals((await schedules("show", "nope")).code, 1);
  assertEquals((await schedules("remove", "pulse")).code, 0);

  const ready = await fetch(`${health}/readyz`);
  assertEquals([ready.status, (await ready.json()).checks.scheduler.state], [200, "leading"]);
  const metrics = await (await fetch(`${health}/metrics`)).text();
  assertMatch(metrics, /^celeriac_beat_leads 1$/m);
  assertMatch(metrics, /^celeriac_tasks_submitted_total\{task="test.echo",via="outbox"\} [1-9]/m);
});
