/** The memory of an API stays bounded while its broker confirms nothing. */
import { assert } from "@std/assert";
import { freshPipeline } from "../../support/pipeline.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { residentMebibytes } from "../../support/resident.ts";
import { startApi } from "../../support/roles.ts";

const BODY = JSON.stringify({ kwargs: { value: "x".repeat(200 * 1024) } });
/** Of 75 MiB in all. */
const SUBMISSIONS = 384;
/** MiB that the API may have more after another 150. What is kept of each submission would show at least once, as all 150; four runs
 * that were written down ended between 57 MiB less and none more. */
const FLAT_MIB = 75;

/** Submissions at a time. */
const PARALLEL = 16;

/** Submits them. @returns how often each status was answered */
async function submitAll(url: string): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  let left = SUBMISSIONS;
  const work = async () => {
    while (left-- > 0) {
      const answer = await fetch(`${url}/v1/tasks/test.echo`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: BODY,
      });
      await answer.body?.cancel();
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return statuses;
}

Deno.test("the API's memory stays bounded while its broker is silent", async () => {
  await using pipeline = await freshPipeline();
  await using proxy = TcpProxy.of(pipeline.vhost.url);
  const { api, url } = await startApi({
    env: { ...pipeline.env, AMQP_URL: proxy.through(pipeline.vhost.url) },
  });
  await using _api = api;
  proxy.swallow();
  const rounds = [];
  for (let round = 0; round < 3; round++) {
    const statuses = await submitAll(url);
    // On a busy machine the database is too slow for some.
    assert(statuses[202]! > SUBMISSIONS / 2, JSON.stringify(statuses));
    rounds.push(await residentMebibytes(api.pid));
  }
  const [warm, , last] = rounds;
  assert(last! - warm! < FLAT_MIB, `grew from ${rounds.join(" to ")} MiB`);
});
