/** `cli.ts dead` against real API and worker processes. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { commandLine } from "../../support/command_line.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";
import { startApi, startWorker } from "../../support/roles.ts";

Deno.test("cli.ts dead lists, shows, redrives and purges letters", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const dead = commandLine("dead", url);

  const none = await dead("list");
  assertEquals(none.code, 0);
  assertStringIncludes(none.output, "there are no such dead letters");

  {
    await using _worker = await startWorker(pipeline);
    await using amqp = await rawChannel(pipeline.vhost.url);
    await publishRaw(amqp, "", "celeriac.default", [
      rawTask("no.such", "one", {}),
      rawTask("no.such", "two", {}),
      rawTask("test.sleep", "misfit", { kwargs: { seconds: "long" } }),
    ]);
    for (const id of ["one", "two", "misfit"]) await pipeline.letters(id);
    // before that, a redrive leaves them
    await eventually("the records of the failures", async () => {
      const failed = "SELECT id FROM celeriac.task WHERE state = 'FAILURE'";
      return (await pipeline.rows(failed)).length === 3;
    });
  }

  const [letter] = await pipeline.letters("one");
  const list = await dead("list", "--reason=unknown-task");
  assertMatch(list.output, /^ID +REASON +TASK +TASK ID +QUEUE +DIED$/m);
  assertMatch(
    list.output,
    new RegExp(`^${letter!.id} +unknown-task +no.such +one +celeriac.default +20`, "m"),
  );
  assertEquals(list.output.includes("misfit"), false);
  const whole = JSON.parse((await dead("show", letter!.id)).stdout);
  assertEquals([whole.task_id, whole.headers["celeriac-reason"]], ["one", "unknown-task"]);

  const counted = await dead("redrive", "--task=no.such", "--dry-run");
  assertStringIncludes(counted.output, "2 would be sent again");
  const sent = await dead("redrive", "--task=no.such", "--limit=1", "--rate=5");
  assertMatch(sent.output, /^1 of 2 are sent again; the last at 20/m);
  assertEquals((await pipeline.rows("SELECT id FROM celeriac.dead_letter")).length, 2);
  assertStringIncludes((await dead("purge", "--all")).output, "2 are purged");

  for (
    const [args, code, told] of [
      [["redrive"], 2, "or --all"],
      [["redrive", "--all", "--rate=fast"], 2, "Cannot use 'fast' of --rate"],
      [["redrive", "--all", "--rate=0"], 2, "rate"],
      [["purge", "--all", "--limit=5"], 2, "Cannot purge by --limit"],
      [["list", "--since=monday"], 2, "since"],
      [["redirve"], 2, "did you mean 'redrive'?"],
      [["show"], 2, "deno task cli dead show ID"],
      [["show", letter!.id], 1, "Cannot find dead letter"],
    ] as [string[], number, string][]
  ) {
    const answer = await dead(...args);
    assertEquals(answer.code, code, `${args.join(" ")}: ${answer.output}`);
    assertStringIncludes(answer.output, told);
  }
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assertMatch(metrics, /^celeriac_dead_letters 0$/m);
});
