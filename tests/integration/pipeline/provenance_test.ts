/** Labels, submitter and history of attempts through API, RabbitMQ, worker and Postgres. */
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

const ROOT = "the-token-of-the-operator";

Deno.test("a record names labels, caller and past attempts of its task", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi({ env: { ...pipeline.env, CELERIAC_API_TOKEN: ROOT } });
  await using _api = api;
  await using _worker = await startWorker(pipeline);
  const call = async (path: string, token: string, body?: unknown) => {
    const answer = await fetch(url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return await answer.json();
  };
  const { id: key, token } = await call("/v1/keys", ROOT, { name: "shop", scopes: ["tasks:*"] });

  const quick = await call("/v1/tasks/test.echo?wait=30", token, {
    kwargs: { value: 1 },
    options: { labels: { order: "7" } },
  });
  assertEquals([quick.state, quick.labels, quick.submitted_by], [
    "SUCCESS",
    { order: "7" },
    `key:${key}`,
  ]);
  const flaky = await call("/v1/tasks/test.flaky?wait=30", token, {
    kwargs: { failures: 2 },
    options: { labels: { order: "8" } },
  });
  assertEquals(flaky.state, "SUCCESS");
  // The worker has settled both tasks, whether or not the API has written PENDING records before.
  for (const { id, labels } of [quick, flaky]) {
    const record = await call(`/v1/tasks/${id}`, token);
    assertEquals([record.labels, record.submitted_by], [labels, `key:${key}`]);
  }
  const { history, attempts } = await call(`/v1/tasks/${flaky.id}`, token);
  assertEquals(attempts, 3);
  assertEquals(
    history.map(({ attempt, error }: { attempt: number; error: unknown }) => [
      attempt,
      error !== null,
    ]),
    [[1, true], [2, true]],
  );

  const waiting = await call("/v1/tasks/test.echo", token, {
    kwargs: { value: 1 },
    options: { labels: { order: "9" }, countdown: 600 },
  });
  for (const [order, id] of [["7", quick.id], ["8", flaky.id], ["9", waiting.id]]) {
    const found = await eventually(`the record with label ${order}`, async () => {
      const { tasks } = await call(`/v1/tasks?label=order:${order}`, token);
      return tasks.length > 0 && tasks;
    });
    assertEquals(found.map((task: { id: string }) => task.id), [id]);
  }
  const byRoot = await call("/v1/tasks/test.echo?wait=30", ROOT, { kwargs: { value: 1 } });
  const unlabelled = await call(`/v1/tasks/${byRoot.id}`, ROOT);
  assertEquals([unlabelled.labels, unlabelled.submitted_by, unlabelled.history], [{}, null, []]);
});
