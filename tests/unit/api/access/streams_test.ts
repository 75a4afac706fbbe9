import { assertEquals, assertStringIncludes } from "@std/assert";
import type { CheckedKey } from "../../../../api/access/key_store.ts";
import { KeySnapshot } from "../../../../api/access/key_snapshot.ts";
import { EventHub } from "../../../../api/reading/event_hub.ts";
import { EventContracts } from "../../../../shared/events/event_contracts.ts";
import { EventStore } from "../../../../shared/events/event_store.ts";
import { SYSTEM_CLOCK } from "../../../../shared/runtime/clock.ts";
import { createFixture, MemoryRecords } from "../fixture.ts";
import { bearer, keyedFixture, testKey } from "./keys.ts";

/** An API with a running task, and its streams. */
const STREAMS = [
  "/v1/tasks/a/events",
  "/v1/events/stream",
  "/changes",
  "/tasks/a/changes",
];

function parts(limit: number) {
  const store = new MemoryRecords();
  store.put({ id: "a", name: "ping", queue: "celeriac.default", state: "STARTED" });
  const hub = new EventHub({ broker: { listen: () => new Promise(() => {}) }, limit });
  const nowhere = () => Promise.reject(new Error("not used"));
  const recorded = new EventStore({ database: { query: nowhere, script: nowhere } });
  recorded.after = () => Promise.resolve([]);
  recorded.lastPosition = () => Promise.resolve(1);
  const events = {
    contracts: new EventContracts(),
    publisher: { publish: nowhere },
    subscriptions: { of: () => Promise.resolve([]) },
    store: recorded,
  };
  return { store, hub, events };
}

Deno.test("streams end soon after the key of their caller is revoked", async () => {
  const { key, token } = testKey();
  let stored: CheckedKey = key;
  const store = { checked: () => Promise.resolve([stored]), touch: () => Promise.resolve() };
  const snapshot = new KeySnapshot({ store, clock: SYSTEM_CLOCK });
  await using fixture = await keyedFixture([], { ...parts(100), access: { snapshot } });
  const answers = await Promise.all(STREAMS.map(async (path) => {
    const answer = await fixture.app.request(path, { headers: bearer(token) });
    assertEquals(answer.status, 200, path);
    return answer;
  }));
  stored = { ...key, revokedAt: new Date() };
  await snapshot.refresh();
  // Ends only if each stream ends.
  await Promise.all(answers.map((answer) => answer.text()));
});

Deno.test("one caller leaves places for others that wait or follow events", async () => {
  const [one, other] = [testKey(), testKey()];
  await using fixture = await keyedFixture([one, other], parts(8));
  const open = async (path: string, token: string) => {
    const answer = await fixture.app.request(path, { headers: bearer(token) });
    if (answer.status !== 200) {
      assertStringIncludes((await answer.json()).detail, "this caller already waits in 4 requests");
    }
    return answer;
  };
  const opened = await Promise.all(STREAMS.map((path) => open(path, one.token)));
  assertEquals(opened.map(({ status }) => status), [200, 200, 200, 200]);
  for (const path of [...STREAMS, "/v1/tasks/a?wait=1"]) {
    assertEquals((await open(path, one.token)).status, 503, path);
  }
  opened.push(await open("/v1/events/stream", other.token));
  assertEquals(opened.at(-1)!.status, 200);
  await Promise.all(opened.map((answer) => answer.body!.cancel()));
});

Deno.test("callers of an open API share its places by their address", async () => {
  await using fixture = await createFixture({}, parts(3));
  const open = (hostname: string) =>
    fixture.app.request("/v1/events/stream", {}, { remoteAddr: { hostname } });
  const answers = [await open("10.0.0.1"), await open("10.0.0.2")];
  assertEquals((await open("10.0.0.2")).status, 503);
  answers.push(await open("10.0.0.3"));
  assertEquals(answers.map(({ status }) => status), [200, 200, 200]);
  await Promise.all(answers.map((answer) => answer.body!.cancel()));
});
