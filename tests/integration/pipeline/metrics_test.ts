/** The processes of a running pipeline export the metrics that alert rules and the dashboard use. */
import { assert, assertEquals } from "@std/assert";
import { usedMetrics } from "../../support/monitoring.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startBeat, startWorker } from "../../support/roles.ts";

/** Names in the format of Prometheus. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!);
}

Deno.test("API, worker and beat export every metric of the alert rules and the dashboard", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using worker = await startWorker(pipeline);
  const [, health = ""] = await worker.said(/health at (http:\S+)\/readyz/);
  const { beat, health: beatHealth } = await startBeat(pipeline);
  await using _beat = beat;
  const answer = await fetch(`${url}/v1/tasks/test.echo`, {
    method: "POST",
    body: JSON.stringify({ kwargs: { value: 1 } }),
    headers: { "content-type": "application/json" },
  });
  await pipeline.final((await answer.json()).id);

  const exported = new Set<string>();
  for (const base of [url, health, beatHealth]) {
    const text = await (await fetch(`${base}/metrics`)).text();
    for (const name of namesIn(text)) exported.add(name);
  }
  const used = await usedMetrics();
  assert(used.size > 10, `${used.size} metrics`);
  assertEquals([...used].filter((name) => !exported.has(name)), []);
});
