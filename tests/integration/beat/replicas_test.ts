/** Many beats, one tick: processes that are killed, frozen and stopped. */
import { assert, assertEquals } from "@std/assert";
import { ScheduleStore } from "../../../shared/schedules/store.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, type Pipeline } from "../../support/pipeline.ts";
import type { Process } from "../../support/process.ts";
import { startBeat, startWorker } from "../../support/roles.ts";
import { newSchedule } from "../../support/schedules.ts";

const echo = { task: "test.echo", args: [1], kwargs: {}, options: {} };

interface Beats extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly beats: readonly Process[];
  /** The one that sends. */
  leader(): Promise<Process>;
  /** Due times that became tasks so far, in milliseconds; each task is one row. */
  sent(): Promise<number[]>;
}

/** Schedules of one second, a worker, and some beats. */
async function running(count: number): Promise<Beats> {
  await using stack = new AsyncDisposableStack();
  const pipeline = stack.use(await freshPipeline());
  const database = stack.use(new PostgresDatabase({ url: pipeline.database.url }));
  await database.start();
  const store = new ScheduleStore({ database });
  await store.add(newSchedule({ name: "second", every: 1, missed: "all", signature: echo }));
  stack.use(await startWorker(pipeline));
  const nodes = await Promise.all(Array.from({ length: count }, async () => {
    const { beat } = await startBeat({ env: { ...pipeline.env, CELERIAC_BEAT_LEASE: "2" } });
    stack.use(beat);
    return { beat, node: /Celeriac beat (\S+) ready/.exec(beat.output)?.[1] };
  }));
  const owned = stack.move();
  return {
    pipeline,
    beats: nodes.map(({ beat }) => beat),
    leader: () =>
      eventually("a leader", async () => {
        const holder = await store.leader();
        return nodes.find(({ node }) => node === holder)?.beat;
      }),
    async sent() {
      const rows = await pipeline.rows<{ id: string }>(
        "select id from celeriac.task where name = 'test.echo' and state = 'SUCCESS' order by id",
      );
      return rows.map(({ id }) => parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Waits for so many more ticks to have become results. */
async function more(fixture: Beats, count: number): Promise<void> {
  const before = (await fixture.sent()).length;
  await eventually(`${count} more ticks`, async () => {
    return (await fixture.sent()).length >= before + count;
  }, { within: 60 });
}

/** Ends the schedule. Every second from the first tick to the last has its task, exactly one: with policy `all` nothing is left out. */
async function assertUnbroken({ sent, pipeline }: Beats): Promise<void> {
  const [row] = await pipeline.rows<{ ticks: number }>(
    "update celeriac.schedule set paused = true where name = 'second' returning ticks::int",
  );
  const times = await eventually("the last result", async () => {
    const times = await sent();
    return times.length === row!.ticks && times;
  }, { within: 60 });
  const first = times[0]!;
  assertEquals(times, times.map((_, index) => first + index * 1000));
}

Deno.test("Beat takes over from a killed leader without losing or repeating a tick", async () => {
  await using fixture = await running(2);
  await more(fixture, 2);
  const leader = await fixture.leader();
  leader.kill("SIGKILL");
  await more(fixture, 4);
  assert((await fixture.leader()) !== leader);
  await assertUnbroken(fixture);
});

Deno.test("Beat takes over from a frozen leader, which sends nothing when it resumes", async () => {
  await using fixture = await running(2);
  await more(fixture, 2);
  const frozen = await fixture.leader();
  frozen.kill("SIGSTOP");
  await eventually("the take-over", async () => (await fixture.leader()) !== frozen, {
    within: 60,
  });
  await more(fixture, 3);
  frozen.kill("SIGCONT");
  await frozen.said(/Another scheduler is the leader now/);
  await more(fixture, 3);
  await assertUnbroken(fixture);
});

Deno.test("Beat hands over leadership when it stops", async () => {
  await using fixture = await running(2);
  await more(fixture, 1);
  const leader = await fixture.leader();
  leader.kill("SIGTERM");
  assertEquals((await leader.exit()).code, 0, leader.output);
  const next = await fixture.leader();
  assert(next !== leader);
  await more(fixture, 2);
  await assertUnbroken(fixture);
});
