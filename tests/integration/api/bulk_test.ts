/** Bulk jobs of real API processes. */
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

interface Job {
  readonly id: string;
  readonly state: string;
  readonly matched: number;
  readonly done: number;
  readonly refused: number;
}

interface Count {
  readonly matched: number;
  readonly states: Record<string, number>;
  readonly complete: boolean;
  readonly until: string;
}

async function send<Answer>(url: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(`${url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    ...(body !== undefined && {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  return await answer.json();
}

/** Submits copies of a task until each is accepted: a loaded machine answers 503 to some. */
async function submitAll(
  url: string,
  count: number,
  { options = {}, ...task }: { readonly name: string; readonly options?: object },
): Promise<void> {
  let lines = Array.from(
    { length: count },
    () => ({ ...task, options: { ...options, task_id: crypto.randomUUID() } }),
  );
  await eventually("the acceptance of the tasks", async () => {
    const answers = await send<{ status: number }[]>(url, "/v1/tasks:batch", lines);
    lines = lines.filter((_, index) => answers[index]!.status !== 202);
    return lines.length === 0;
  });
}

const ended = (url: string, id: string) =>
  eventually("the end of the job", async () => {
    const job = await send<Job>(url, `/v1/bulk-jobs/${id}`);
    return job.state === "ENDED" ? job : undefined;
  });

Deno.test("bulk jobs of two API processes", async (t) => {
  await using pipeline = await freshPipeline();
  const [first, second] = await Promise.all([startApi(pipeline), startApi(pipeline)]);
  await using _first = first.api;
  await using _second = second.api;
  const { url } = second;
  const failing = { name: "test.fail", kwargs: { message: "boom" } };

  await t.step("a job revokes all tasks that match and none that is submitted later", async () => {
    const later = { name: "test.echo", kwargs: { value: 1 }, options: { countdown: 3600 } };
    await submitAll(url, 230, later);
    await eventually("the records", async () => await pipeline.count("PENDING") === 230);
    const filter = { q: "name:test.echo state:pending" };
    const count = await send<Count>(url, "/v1/tasks:revoke", { filter, dry_run: true });
    assertEquals([count.matched, count.complete, count.states], [230, true, { PENDING: 230 }]);
    await submitAll(url, 20, later);
    await eventually("the records", async () => await pipeline.count("PENDING") === 250);
    const { id } = await send<Job>(url, "/v1/tasks:revoke", {
      filter: { ...filter, until: count.until },
    });
    const { matched, done, refused } = await ended(url, id);
    assertEquals([matched, done, refused], [230, 230, 0]);
    assertEquals([await pipeline.count("REVOKED"), await pipeline.count("PENDING")], [230, 20]);
  });

  await using _worker = await startWorker(pipeline);

  await t.step("an API continues the job of a killed one, and reruns each task once", async () => {
    await submitAll(url, 300, failing);
    await eventually("the failures", async () => await pipeline.count("FAILURE") === 300);
    const { id } = await send<Job>(first.url, "/v1/tasks:rerun", {
      filter: { q: "state:failure" },
    });
    first.api.kill("SIGKILL");
    await first.api.exit();
    // The lease of the killed process would end after 30 s.
    await pipeline.rows("update celeriac.bulk_job set next_at = now() where ended_at is null");
    await ended(url, id);
    await eventually("the reruns", async () => await pipeline.count("FAILURE") === 600);
    const [row] = await pipeline.rows<{ reruns: number; originals: number }>(`
      select count(*)::int as reruns, count(distinct labels ->> 'rerun_of')::int as originals
      from celeriac.task where labels ->> 'rerun_of' is not null`);
    assertEquals(row, { reruns: 300, originals: 300 });
  });

  await t.step("a job retries failed tasks under their ids", async () => {
    const labels = { batch: "retry" };
    await submitAll(url, 60, { ...failing, options: { labels } });
    await eventually("the failures", async () => await pipeline.count("FAILURE") === 660);
    const [before] = await pipeline.rows<{ at: Date }>("select now() as at");
    const filter = { q: "state:failure label.batch:retry" };
    const { id } = await send<Job>(url, "/v1/tasks:retry", { filter });
    const { done, refused } = await ended(url, id);
    assertEquals([done, refused], [60, 0]);
    await eventually("the repeated attempts", async () => {
      const [row] = await pipeline.rows<{ count: number; again: number }>(
        `select count(*)::int as count, count(*) filter (where finished_at > $1)::int as again
         from celeriac.task where labels ->> 'batch' = 'retry'`,
        [before!.at],
      );
      assertEquals(row!.count, 60);
      return row!.again === 60;
    });
  });
});
