import { assertEquals, assertStringIncludes } from "@std/assert";
import { deadLetterHeaders } from "../../../shared/dead_letters/letter.ts";
import { DEAD_EXCHANGE } from "../../../shared/broker/topology.ts";
import { eventually } from "../../support/eventually.ts";
import { message } from "../../support/settlements.ts";
import { createFixture, type Fixture } from "./fixture.ts";

async function get(fixture: Fixture, path: string) {
  const answer = await fetch(fixture.url + path);
  return { status: answer.status, body: await answer.json(), headers: answer.headers };
}

async function post(fixture: Fixture, path: string, body: unknown) {
  const answer = await fixture.post(path, body);
  return { status: answer.status, body: await answer.json() };
}

/** Sets messages aside as a worker does, and waits until the API has taken them in. */
async function setAside(fixture: Fixture, ids: readonly string[], body = "[[], {}, {}]") {
  for (const id of ids) {
    const headers = deadLetterHeaders({
      reason: "rejected",
      detail: "not today",
      queue: "celeriac.default",
      worker: "celeriac@by-hand",
      diedAt: new Date(),
    });
    await fixture.broker.publish(message({
      exchange: DEAD_EXCHANGE,
      headers: { id, task: "add", retries: 0, ...headers },
      body: new TextEncoder().encode(body),
    }));
  }
  await eventually("the letters", async () => {
    const { body } = await get(fixture, "/v1/dead-letters?limit=1000");
    return ids.every((id) =>
      body.dead_letters.some(({ task_id }: { task_id: string }) => task_id === id)
    );
  });
}

Deno.test("/v1/dead-letters lists, reads, counts, redrives and purges", async () => {
  await using fixture = await createFixture();
  await setAside(fixture, ["a", "b", "c"]);
  const first = await get(fixture, "/v1/dead-letters?limit=2&reason=rejected");
  assertEquals(first.body.dead_letters.length, 2);
  const second = await get(fixture, `/v1/dead-letters?cursor=${first.body.next}`);
  assertEquals([second.body.dead_letters.length, second.body.next], [1, null]);
  const [letter] = second.body.dead_letters;
  assertEquals([letter.task_id, letter.task, letter.queue, letter.detail, letter.worker], [
    "a",
    "add",
    "celeriac.default",
    "not today",
    "celeriac@by-hand",
  ]);
  const whole = await get(fixture, `/v1/dead-letters/${letter.id}`);
  assertEquals([whole.body.body, whole.body.body_encoding], ["[[], {}, {}]", "utf-8"]);
  assertEquals(whole.body.headers["celeriac-reason"], "rejected");

  const filter = { task_id: "a" };
  const counted = await post(fixture, "/v1/dead-letters:redrive", { filter, dry_run: true });
  assertEquals([counted.body.matched, counted.body.redriven], [1, 0]);
  const sent = await post(fixture, "/v1/dead-letters:redrive", { filter });
  assertEquals([sent.body.matched, sent.body.redriven, sent.body.waiting], [1, 1, 0]);
  const task = await fixture.take();
  assertEquals([task.id, task.task, task.headers], ["a", "add", {}]);
  assertEquals((await get(fixture, `/v1/dead-letters/${letter.id}`)).status, 404);

  const dry = await post(fixture, "/v1/dead-letters:purge", { filter: {}, dry_run: true });
  assertEquals(dry.body, { dry_run: true, matched: 2, purged: 0 });
  const purged = await post(fixture, "/v1/dead-letters:purge", { filter: {} });
  assertEquals(purged.body, { dry_run: false, matched: 2, purged: 2 });
  assertEquals((await get(fixture, "/v1/dead-letters")).body.dead_letters, []);
});

Deno.test("a redrive makes a failure PENDING for callers with its ETag and for callers of another API", async () => {
  await using fixture = await createFixture();
  await fixture.settle({ id: "f" }, {
    state: "FAILURE",
    exception: { exc_type: "E", exc_message: ["no"], exc_module: "m" },
  });
  await setAside(fixture, ["f"]);
  const failed = await get(fixture, "/v1/tasks/f");
  assertEquals(failed.body.state, "FAILURE");
  const etag = failed.headers.get("etag")!;
  const unchanged = await fetch(`${fixture.url}/v1/tasks/f`, {
    headers: { "if-none-match": etag },
  });
  assertEquals([unchanged.status, await unchanged.text()], [304, ""]);
  // As another API would: this one's cache hears nothing of it.
  await fixture.store.reopen([{ id: "f", retries: 0 }], fixture.database);
  const asked = await fetch(`${fixture.url}/v1/tasks/f`, { headers: { "if-none-match": etag } });
  assertEquals([asked.status, (await asked.json()).state], [200, "PENDING"]);
  await fixture.settle({ id: "f" }, { state: "FAILURE" });
  assertEquals((await get(fixture, "/v1/tasks/f")).body.state, "FAILURE");
  await post(fixture, "/v1/dead-letters:redrive", { filter: { task_id: "f" } });
  const reopened = await get(fixture, "/v1/tasks/f");
  assertEquals([reopened.body.state, reopened.body.error], ["PENDING", null]);
});

Deno.test("/v1/dead-letters returns binary bodies as base64", async () => {
  await using fixture = await createFixture();
  await fixture.broker.publish(message({
    exchange: DEAD_EXCHANGE,
    headers: { raw: Uint8Array.of(255) },
    body: Uint8Array.of(255, 0),
  }));
  const letter = await eventually("the letter", async () => {
    return (await get(fixture, "/v1/dead-letters")).body.dead_letters[0];
  });
  assertEquals([letter.task_id, letter.reason, letter.size], [null, "unknown", 2]);
  const { body } = await get(fixture, `/v1/dead-letters/${letter.id}`);
  assertEquals([body.body, body.body_encoding], ["/wA=", "base64"]);
  assertEquals(body.headers, { raw: { $bytes: "/w==" } });
});

Deno.test("/v1/dead-letters names each mistake and its remedy", async () => {
  await using fixture = await createFixture();
  const refused: [string, unknown, string][] = [
    ["redrive", {}, "filter"],
    ["redrive", { filter: { raeson: "x" } }, "filter.raeson"],
    ["redrive", { filter: { since: "yesterday" } }, "filter.since"],
    ["redrive", { filter: {}, rate: 0 }, "rate"],
    ["redrive", { filter: {}, limit: 1.5 }, "limit"],
    ["purge", { filter: {}, rate: 5 }, "rate"],
    ["purge", { filter: { id: "x" } }, "filter.id"],
    ["purge", [], "filter"],
  ];
  for (const [verb, body, field] of refused) {
    const answer = await post(fixture, `/v1/dead-letters:${verb}`, body);
    assertEquals([answer.status, answer.body.errors[0].field], [422, field], JSON.stringify(body));
  }
  for (const query of ["limit=0", "cursor=x", "since=now", "reson=x", "id=7"]) {
    assertEquals((await get(fixture, `/v1/dead-letters?${query}`)).status, 422, query);
  }
  const missing = await get(fixture, "/v1/dead-letters/nothing");
  assertEquals([missing.status, missing.body.type], [404, "/problems/no-dead-letter"]);
  assertStringIncludes(missing.body.detail, "GET /v1/dead-letters");
});
