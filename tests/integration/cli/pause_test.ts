/** `cli.ts pause` and `cli.ts resume` against API and worker of real processes. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { commandLine } from "../../support/command_line.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

Deno.test("cli.ts pauses and resumes a task for a worker that starts later", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const pause = commandLine("pause", url);
  const resume = commandLine("resume", url);

  const paused = await pause("task", "test.echo", "--reason=the mail server is down");
  assertEquals([paused.code, paused.output.trim()], [0, "task test.echo is paused"]);
  const unknown = await pause("task", "test.ecko");
  assertEquals(unknown.code, 1);
  assertStringIncludes(unknown.output, "did you mean 'test.echo'?");

  await using _worker = await startWorker(pipeline);
  const answer = await fetch(`${url}/v1/tasks/test.echo`, {
    method: "POST",
    body: JSON.stringify({ kwargs: { value: 17 } }),
    headers: { "content-type": "application/json" },
  });
  const { id } = await answer.json();
  const list = await eventually("a parked message", async () => {
    const { output } = await pause("list");
    return / paused +\S+ +1 /.test(output) && output;
  });
  assertMatch(list, /task +test\.echo +paused .* the mail server is down/);

  const resumed = await resume("task", "test.echo", "--rate=10");
  assertStringIncludes(resumed.output, "task test.echo is resumed");
  const { state, result } = await pipeline.final(id);
  assertEquals([state, result], ["SUCCESS", 17]);
  await eventually("the end of the pause", async () => {
    return (await pause("list")).output.includes("nothing is paused");
  });
  assertEquals((await resume("task", "test.echo")).code, 1);
});
