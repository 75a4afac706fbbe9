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

const ended = (url: string, id: string) =>
  eventually("the end of the job", async () => {
    const job = await send<Job>(url, `/v1/bulk-jobs/${id}`);
    return job.state === "ENDED" ? job : undefined;
  });

Deno.test("a job revokes all tasks that match and none that is submitted later", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const submit = async (count: number) => {
    const line = { name: "test.echo", kwargs: { value: 1 }, options: { countdown: 3600 } };
    await send(url, "/v1/tasks:batch", Array.from({ length: count }, () => line));
  };
  await submit(230);
  await eventually("the records", async () => await pipeline.count("PENDING") === 230);
  const filter = { q: "name:test.echo state:pending" };
  const count = await send<{ matched: number; complete: boolean; until: string }>(
    url,
    "/v1/tasks:revoke",
    { filter, dry_run: true },
  );
  assertEquals([count.matched, count.complete], [230, true]);
  await submit(20);
  await eventually("the records", async () => await pipeline.count("PENDING") === 250);
  const { id } = await send<Job>(url, "/v1/tasks:revoke", {
    filter: { ...filter, until: count.until },
  });
  const { matched, done, refused } = await ended(url, id);
  assertEquals([matched, done, refused], [230, 230, 0]);
  assertEquals([await pipeline.count("REVOKED"), await pipeline.count("PENDING")], [230, 20]);
});

Deno.test("another API continues the job of one that was killed, and reruns each task once", async () => {
  await using pipeline = await freshPipeline();
  const first = await startApi(pipeline);
  await using _first = first.api;
  const second = await startApi(pipeline);
  await using _second = second.api;
  await using _worker = await startWorker(pipeline);
  const { url } = second;
  const line = { name: "test.fail", kwargs: { message: "boom" } };
  await send(url, "/v1/tasks:batch", Array.from({ length: 300 }, () => line));
  await eventually("the failures", async () => await pipeline.count("FAILURE") === 300);
  const { id } = await send<Job>(first.url, "/v1/tasks:rerun", { filter: { q: "state:failure" } });
  first.api.kill("SIGKILL");
  await ended(url, id);
  await eventually("the reruns", async () => await pipeline.count("FAILURE") === 600);
  const [row] = await pipeline.rows<{ reruns: number; originals: number }>(`
    select count(*)::int as reruns, count(distinct labels ->> 'rerun_of')::int as originals
    from celeriac.task where labels ->> 'rerun_of' is not null`);
  assertEquals(row, { reruns: 300, originals: 300 });
});

Deno.test("a job retries failed tasks under their ids", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using _worker = await startWorker(pipeline);
  const line = { name: "test.fail", kwargs: { message: "boom" } };
  await send(url, "/v1/tasks:batch", Array.from({ length: 60 }, () => line));
  await eventually("the failures", async () => await pipeline.count("FAILURE") === 60);
  const [before] = await pipeline.rows<{ at: Date }>("select now() as at");
  const { id } = await send<Job>(url, "/v1/tasks:retry", { filter: { q: "state:failure" } });
  const { done, refused } = await ended(url, id);
  assertEquals([done, refused], [60, 0]);
  await eventually("the repeated attempts", async () => {
    const [row] = await pipeline.rows<{ count: number }>(
      "select count(*)::int as count from celeriac.task where state = 'FAILURE' and finished_at > $1",
      [before!.at],
    );
    return row!.count === 60;
  });
  const [row] = await pipeline.rows<{ count: number }>(
    "select count(*)::int as count from celeriac.task",
  );
  assertEquals(row, { count: 60 });
});
