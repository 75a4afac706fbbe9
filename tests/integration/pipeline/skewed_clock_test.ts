import { assert, assertEquals } from "@std/assert";
import { timeOf } from "../../../shared/results/uuid_time.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, type Pipeline, submit } from "../../support/pipeline.ts";
import { startApi, startBeat, startWorker } from "../../support/roles.ts";
import { skewedBy, steppingBy } from "../../support/skewed_clock.ts";

/** Seconds: many more than a task needs on a busy machine. */
const SKEW = 60;
const TASKS = 10;
/** Seconds; fewer than the skew. */
const WAIT = 2;
/** Milliseconds that a task may start early: what a measured time is off by on a busy machine, and the rounding of clocks. */
const TOLERANCE_MS = 250;

/** Number of rows ever inserted into the outbox. */
async function outboxRows({ rows }: Pipeline): Promise<number> {
  const [row] = await rows<{ count: number }>(
    `select coalesce(pg_sequence_last_value(pg_get_serial_sequence('celeriac.outbox', 'id')), 0)::int as count`,
  );
  return row!.count;
}

async function databaseTime({ rows }: Pipeline): Promise<number> {
  const [row] = await rows<{ now: Date }>("select clock_timestamp() as now");
  return row!.now.getTime();
}

/** Submits tasks with a delay or an expiry, and checks when each ran and how many outbox rows it cost. */
async function checkTasks(pipeline: Pipeline, url: string): Promise<void> {
  const before = await outboxRows(pipeline);
  const since = await databaseTime(pipeline);
  const options = [
    { countdown: WAIT, expires: 600 },
    // A Celery client sends a time by its own clock, which agrees with the database's.
    { eta: new Date(since + WAIT * 1000).toISOString(), expires: 600 },
  ];
  const delayed = await Promise.all(
    options.flatMap((options) =>
      Array.from(
        { length: TASKS },
        () => submit(url, "test.echo", { kwargs: { value: 1 }, options }),
      )
    ),
  );
  const soon = new Date(since + (SKEW - 5) * 1000).toISOString();
  const expiring = await submit(url, "test.echo", {
    kwargs: { value: 1 },
    options: { expires: soon },
  });
  const retried = await submit(url, "test.flaky", { kwargs: { failures: 2 } });
  for (const { id } of [...delayed, expiring, retried]) {
    assertEquals((await pipeline.final(id)).state, "SUCCESS");
  }
  const started = await pipeline.rows<{ started_at: Date }>(
    "select started_at from celeriac.task where id = any($1)",
    [delayed.map(({ id }) => id)],
  );
  assertEquals(started.length, delayed.length);
  for (const { started_at } of started) {
    const early = since + WAIT * 1000 - started_at.getTime();
    assert(early <= TOLERANCE_MS, `${early} ms early`);
  }
  // One for each task that is due later and one for each retry.
  assertEquals(await outboxRows(pipeline) - before, delayed.length + 2);
}

/** Makes a schedule that is due every second. */
async function makeSchedule(url: string): Promise<void> {
  const made = await fetch(`${url}/v1/schedules`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "tick", task: "test.echo", kwargs: { value: "tick" }, every: 1 }),
  });
  assertEquals(made.status, 201, await made.text());
}

Deno.test("tasks start when due and expire in time despite clock skew of the processes", async (t) => {
  await using pipeline = await freshPipeline();
  const by = (seconds: number) => ({ ...pipeline, permissions: [skewedBy(seconds)] });
  const { api, url } = await startApi(by(SKEW));
  await using _api = api;
  await t.step("API ahead, worker behind", async () => {
    await using worker = await startWorker(by(-SKEW));
    await checkTasks(pipeline, url);
    assert(worker.output.includes(`The clock of this machine is ${SKEW} s behind`), worker.output);
  });
  await t.step("API and worker ahead, scheduler ahead", async () => {
    await using _worker = await startWorker(by(SKEW));
    await checkTasks(pipeline, url);
    const { beat } = await startBeat(by(SKEW));
    await using _beat = beat;
    await makeSchedule(url);
    const ticks = await eventually("three ticks", async () => {
      const rows = await pipeline.rows<{ id: string; started_at: Date }>(
        "select id, started_at from celeriac.task where kwargs_repr like '%tick%' and state = 'SUCCESS'",
      );
      return rows.length >= 3 && rows;
    });
    for (const { id, started_at } of ticks) {
      const early = timeOf(id)!.getTime() - started_at.getTime();
      assert(early <= TOLERANCE_MS, `${early} ms early`);
    }
  });
});

Deno.test("a step of the clock of a running process changes no time, id or schedule", async () => {
  const STEP = 3600;
  await using pipeline = await freshPipeline();
  const by = (seconds: number) => ({ ...pipeline, permissions: [steppingBy(seconds)] });
  const { api, url } = await startApi(by(STEP));
  await using _api = api;
  await using worker = await startWorker(by(-STEP));
  const { beat } = await startBeat(by(STEP));
  await using _beat = beat;
  const since = await databaseTime(pipeline);
  await makeSchedule(url);
  const ticks = () =>
    pipeline.rows<{ id: string }>(
      "select id from celeriac.task where kwargs_repr like '%tick%' and state = 'SUCCESS'",
    );
  await eventually("a tick", async () => (await ticks()).length > 0);
  const dueAt = await databaseTime(pipeline) + 3000;
  const options = { countdown: 3 };
  const delayed = await submit(url, "test.echo", { kwargs: { value: 1 }, options });
  const running = await submit(url, "test.sleep", { kwargs: { seconds: 2 } });
  await eventually("STARTED", async () => {
    const [row] = await pipeline.rows(
      "select from celeriac.task where id = $1 and state = 'STARTED'",
      [running.id],
    );
    return row;
  });

  for (const process of [api, worker, beat]) process.kill("SIGUSR2");
  const before = (await ticks()).length;
  const late = await submit(url, "test.echo", { kwargs: { value: 2 } });
  for (const { id } of [delayed, running, late]) {
    assertEquals((await pipeline.final(id)).state, "SUCCESS");
  }
  await eventually("two more ticks", async () => (await ticks()).length >= before + 2);

  const now = await databaseTime(pipeline);
  const rows = await pipeline.rows<{ id: string; started_at: Date; submitted_at: Date | null }>(
    "select id, started_at, submitted_at from celeriac.task where state = 'SUCCESS'",
  );
  for (const { id, started_at, submitted_at } of rows) {
    for (const time of [timeOf(id)!, submitted_at ?? started_at, started_at]) {
      const range = `${since} ${time.getTime()} ${now} of ${id}`;
      assert(time.getTime() > since - 2000 && time.getTime() < now + 2000, range);
    }
  }
  const { started_at } = rows.find(({ id }) => id === delayed.id)!;
  assert(dueAt - started_at.getTime() <= TOLERANCE_MS, `${started_at.getTime()} ${dueAt}`);
  // One for each second, and no more.
  assert((await ticks()).length <= (await databaseTime(pipeline) - since) / 1000 + 2);
});
