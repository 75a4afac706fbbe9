/** `cli.ts tasks rerun`, `tasks retry` and `bulk` against real API and worker processes. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { commandLine } from "../../support/command_line.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

Deno.test("cli.ts tasks rerun submits the input of a failed task again, also edited", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using _worker = await startWorker(pipeline);
  const [call, tasks, result] = ["call", "tasks", "result"].map((name) => commandLine(name, url));

  const failed = await call!("test.fail", "message=boom", "--whole");
  assertEquals(failed.code, 1, failed.output);
  const { id } = JSON.parse(failed.stdout);
  const { input, state } = JSON.parse((await result!(id)).stdout);
  assertEquals([state, input], ["FAILURE", { args: [], kwargs: { message: "boom" } }]);

  const again = await tasks!("rerun", id);
  assertEquals(again.code, 0, again.output);
  assertMatch(again.stdout.trim(), /^[\da-f-]{36}$/);
  const record = JSON.parse((await result!(again.stdout.trim(), "--wait=20")).stdout);
  assertEquals([record.state, record.labels, record.input], ["FAILURE", { rerun_of: id }, input]);

  const edited = await tasks!("rerun", id, '--kwargs={"message":"other"}', "--json");
  const answer = JSON.parse(edited.stdout);
  assertEquals(answer.rerun_of, id);
  const other = JSON.parse((await result!(answer.id, "--wait=20")).stdout);
  assertEquals(other.input.kwargs, { message: "other" });

  for (
    const [args, code, words] of [
      [["rerun"], 2, "deno task cli tasks rerun ID"],
      [["rerun", id, "more"], 2, "Cannot use 'more'"],
      [["rerun", id, "--kwargs=[1]"], 2, "it is not an object"],
      [["rerun", id, "--args=[1"], 2, "it is not JSON: give one array"],
      [["rerun", id, '--kwargs={"x":1}'], 2, "kwargs.x"],
      [["rerun", "unknown"], 1, "404"],
      [["egress", "--args=[]"], 2, "`tasks egress` has no such flag: choose from --json"],
      [["rreun"], 2, "did you mean 'rerun'?"],
    ] as [string[], number, string][]
  ) {
    const refused = await tasks!(...args);
    assertEquals(refused.code, code, `${args.join(" ")}: ${refused.output}`);
    assertStringIncludes(refused.output, words);
  }
});

Deno.test("cli.ts tasks retry repeats the last attempt of a failed task under its id", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using _worker = await startWorker(pipeline);
  const [call, tasks, result] = ["call", "tasks", "result"].map((name) => commandLine(name, url));
  const failed = await call!("test.fail", "message=boom", "--whole");
  const { id, finished_at: before } = JSON.parse(failed.stdout);
  const retried = await tasks!("retry", id, "--json");
  assertEquals([retried.code, JSON.parse(retried.stdout).source], [0, "input"], retried.output);
  await eventually("the repeated attempt", async () => {
    const record = JSON.parse((await result!(id, "--wait=20")).stdout);
    return record.state === "FAILURE" && record.finished_at !== before;
  });

  const done = JSON.parse((await call!("test.echo", "value=1", "--whole")).stdout);
  for (
    const [args, code, words] of [
      [["retry"], 2, "deno task cli tasks retry ID"],
      [["retry", done.id], 2, "it is SUCCESS"],
      [["retry", id, "--args=[]"], 2, "has no such flag"],
      [["retry", "unknown"], 1, "404"],
    ] as [string[], number, string][]
  ) {
    const refused = await tasks!(...args);
    assertEquals(refused.code, code, `${args.join(" ")}: ${refused.output}`);
    assertStringIncludes(refused.output, words);
  }

  const bulk = commandLine("bulk", url);
  const dry = await bulk("retry", "--filter=name:test.*", "--dry-run");
  assertMatch(dry.stdout, /^2 tasks match \((1 FAILURE|1 SUCCESS), .*--until=20\S+Z$/m);
  const started = await bulk("rerun", id, done.id, "--json");
  assertEquals(started.code, 0, started.output);
  const job = JSON.parse(started.stdout).id;
  await eventually("the end of the job", async () => {
    const { state, done, refused } = JSON.parse((await bulk("show", job)).stdout);
    // The record of the other task keeps no input.
    return state === "ENDED" && done === 1 && refused === 1;
  });
  assertMatch((await bulk("list")).stdout, new RegExp(`${job} +rerun +ENDED +2/2 +1 .* 2 ids`));
  const aimless = await bulk("revoke", "--terminate");
  assertEquals(aimless.code, 2);
  assertStringIncludes(aimless.output, "without a filter: give ids, --filter='state:failure'");
});
