/** `cli.ts events` and `cli.ts subscriptions` against API, beat and worker of real processes. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eventTaskId } from "../../../shared/events/event_key.ts";
import { commandLine } from "../../support/command_line.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startBeat, startWorker } from "../../support/roles.ts";

interface Recorded {
  readonly key: string;
  readonly position: number;
  readonly tasks: readonly { subscription: string; id: string }[];
}

Deno.test("cli.ts events and subscriptions publish, follow, pause, resume and replay", async (t) => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const { beat, health } = await startBeat(pipeline);
  await using _beat = beat;
  await using _worker = await startWorker(pipeline);
  const events = commandLine("events", url);
  const subscriptions = commandLine("subscriptions", url);
  const publish = async (...args: string[]): Promise<string> => {
    const { code, output } = await events("publish", "test.eu.happened", ...args);
    assertEquals(code, 0, output);
    return /event (\S+) is accepted/.exec(output)![1]!;
  };
  const recorded = (key: string) =>
    eventually(`event ${key}`, async (): Promise<Recorded | undefined> => {
      const answer = await fetch(`${url}/v1/events/${key}`);
      const body = await answer.json();
      return answer.status === 200 ? body : undefined;
    });
  const result = async (id: string) => {
    const { state, result } = await pipeline.final(id);
    return [state, result];
  };
  let paused = "";

  await t.step("publish prints the tasks, and tail prints the event", async () => {
    const types = await events("types");
    assertMatch(types.output, /test\.eu\.happened/);
    const tailing = events("tail", "--after=0", "--limit=1", "--json", "--types=test.#");
    const { code, output, stdout } = await events(
      ...["publish", "test.eu.happened", "value=17", "--id=1", "--source=/test"],
      ...["--attributes=tenant=other", "--require-subscription", "--json"],
    );
    assertEquals(code, 0, output);
    const { key, tasks } = JSON.parse(stdout);
    assertEquals(await result(tasks[0].id), ["SUCCESS", 17]);
    const tail = await tailing;
    assertEquals(tail.code, 0, tail.output);
    const line: Recorded & { event: Record<string, unknown> } = JSON.parse(tail.stdout);
    assertEquals([line.key, line.tasks, line.event["tenant"]], [key, tasks, "other"]);
    const shown = await events("show", key);
    assertEquals(JSON.parse(shown.stdout), line);
    assertMatch((await events("list")).output, new RegExp(`1 +${key} +test\\.eu\\.happened`));
  });

  await t.step("events of a pause become tasks when it ends, each once", async () => {
    const pause = await subscriptions("pause", "test-echo");
    assertStringIncludes(pause.output, "is paused: its events are kept");
    paused = await publish("value=1");
    assertEquals((await recorded(paused)).tasks, []);
    const resume = await subscriptions("resume", "test-echo");
    assertStringIncludes(resume.output, "the events of the pause become tasks");
    const after = await publish("value=2");
    assertEquals(await result(eventTaskId(paused, "test-echo")), ["SUCCESS", 1]);
    assertEquals(await result(eventTaskId(after, "test-echo")), ["SUCCESS", 2]);
    await eventually(
      "the task in the event's record",
      async () => (await recorded(paused)).tasks.length === 1 || undefined,
    );
  });

  await t.step("a subscription of later gets the events of before by a replay", async () => {
    const added = await subscriptions(
      ...["add", "late", "test.#", "test.echo", "value=/data/value", "--where=tenant=other,source"],
    );
    assertEquals(added.code, 0, added.output);
    assertStringIncludes(
      added.output,
      "subscription late sends task test.echo to celeriac.default",
    );
    const replay = await subscriptions("replay", "late", "--rate=100", "--json");
    assertEquals(replay.code, 0, replay.output);
    const ended = async () => {
      const { replays } = JSON.parse((await subscriptions("show", "late")).stdout);
      return replays[0].ended_at === null ? undefined : replays[0];
    };
    assertEquals((await eventually("the end of the replay", ended)).sent, 1);
    const { events: all } = await (await fetch(`${url}/v1/events`)).json();
    const first = all.find(({ position }: Recorded) => position === 1);
    assertEquals(await result(eventTaskId(first.key, "late")), ["SUCCESS", 17]);
    assertEquals(first.tasks.length, 2);
    const again = await subscriptions("replay", "late", "--again", "--json");
    const { id } = JSON.parse(again.stdout);
    await eventually("the end of the second one", ended);
    assertEquals(await result(eventTaskId(first.key, "late", id)), ["SUCCESS", 17]);
  });

  await t.step("wrong arguments get a remedy", async () => {
    const cases: [args: string[], text: string][] = [
      [["publish", "test.eu.hapened"], "did you mean 'test.eu.happened'?"],
      [["tail", "--after=99"], "the last one is"],
    ];
    for (const [args, text] of cases) {
      const { code, output } = await events(...args);
      assertEquals(code, 2, output);
      assertStringIncludes(output, text);
    }
    const others: [args: string[], text: string][] = [
      [["add", "x", "test.#", "test.eco"], "did you mean 'test.echo'?"],
      [["remove", "test-echo"], "prune, or pause it"],
    ];
    for (const [args, text] of others) {
      const { code, output } = await subscriptions(...args);
      assertEquals(code, 2, output);
      assertStringIncludes(output, text);
    }
    assertEquals((await events("show", "nope")).code, 1);
    assertEquals((await subscriptions("show", "nope")).code, 1);
  });

  await t.step("list, remove and prune", async () => {
    const list = await subscriptions("list");
    assertMatch(
      list.output,
      /late +test\.# +tenant=other,source +test\.echo +\S+ +active +database/,
    );
    assertStringIncludes((await subscriptions("remove", "late")).output, "is removed");
    const prune = await subscriptions("prune", "--dry-run");
    assertStringIncludes(prune.output, "the app defines all subscriptions");
    await pipeline.rows(`
      insert into celeriac.subscription (name, source, patterns, deliver)
      select 'earlier-release', 'code', patterns, deliver from celeriac.subscription where name = 'test-echo'`);
    assertStringIncludes((await subscriptions("prune")).output, "earlier-release");
    const left = (await subscriptions("list")).output;
    assertStringIncludes(left, "test-echo");
    assertEquals(left.includes("earlier-release"), false);
  });

  await t.step("metrics count the events by type", async () => {
    const beats = await (await fetch(`${health}/metrics`)).text();
    assertMatch(beats, /^celeriac_events_dispatched_total\{type="test\.eu\.happened"\} 2$/m);
    assertMatch(beats, /^celeriac_events_unsubscribed_total\{type="test\.eu\.happened"\} 1$/m);
    assertMatch(beats, /^celeriac_event_dispatch_seconds_count 3$/m);
    assertMatch(beats, /^celeriac_event_inbox_messages 0$/m);
    const apis = await (await fetch(`${url}/metrics`)).text();
    assertMatch(apis, /^celeriac_events_accepted_total\{type="test\.eu\.happened"\} 3$/m);
  });
});
