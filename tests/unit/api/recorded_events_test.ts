import { assertEquals } from "@std/assert";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { EventContracts } from "../../../shared/events/event_contracts.ts";
import { eventKey } from "../../../shared/events/event_key.ts";
import type { EventPage, RecordedEvent } from "../../../shared/events/event_store.ts";
import { createFixture } from "./fixture.ts";

/** Events at positions 1, 2, ...; every second one is of type `b`. */
const EVENTS: readonly RecordedEvent[] = [1, 2, 3, 4, 5].map((position) => {
  const type = position % 2 === 0 ? "b" : "a";
  const event = cloudEvent({
    ...{ specversion: "1.0", id: String(position), source: "/s", type },
    data: { big: 2n ** 60n },
  });
  const recordedAt = new Date("2030-01-02T03:04:05Z");
  const tasks = { receipt: "task" };
  return { key: eventKey(event), position, event, bytes: 100, tasks, recordedAt };
});

const store = {
  find: (key: string) => Promise.resolve(EVENTS.find((one) => one.key === key)),
  before: (position = Infinity, { limit, type }: EventPage) => {
    const found = EVENTS.filter((one) =>
      one.position < position && (type === undefined || one.event.type === type)
    );
    return Promise.resolve(found.toReversed().slice(0, limit));
  },
  after: () => Promise.resolve([]),
  lastPosition: () => Promise.resolve(0),
};

async function open() {
  const fixture = await createFixture({}, {
    events: {
      store,
      contracts: new EventContracts(),
      publisher: { publish: () => Promise.reject(new Error("not used")) },
      subscriptions: { of: () => Promise.resolve([]) },
    },
  });
  return {
    get: async (path: string) => {
      const response = await fixture.app.request(path);
      return { status: response.status, text: await response.text() };
    },
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
}

Deno.test("GET /v1/events/{key} returns the event with its tasks", async () => {
  await using api = await open();
  const { status, text } = await api.get(`/v1/events/${EVENTS[0]!.key}`);
  assertEquals([status, text.includes('"big":1152921504606846976')], [200, true]);
  const { event: { data: _, ...event }, ...rest } = JSON.parse(text);
  assertEquals(event, { specversion: "1.0", id: "1", source: "/s", type: "a" });
  assertEquals(rest, {
    key: EVENTS[0]!.key,
    position: 1,
    recorded_at: "2030-01-02T03:04:05.000Z",
    tasks: [{ subscription: "receipt", id: "task" }],
  });
  for (const key of ["x", eventKey({ source: "/other", id: "1" }), "%00"]) {
    assertEquals((await api.get(`/v1/events/${key}`)).status, 404, key);
  }
  assertEquals((await api.get(`/v1/events/${EVENTS[0]!.key}?wait=1`)).status, 422);
});

Deno.test("GET /v1/events pages through events, newest first, by type", async () => {
  await using api = await open();
  const list = async (query: string) => {
    const { events, next } = JSON.parse((await api.get(`/v1/events?${query}`)).text);
    return [events.map(({ position }: RecordedEvent) => position), next];
  };
  assertEquals(await list(""), [[5, 4, 3, 2, 1], null]);
  assertEquals(await list("limit=2"), [[5, 4], 4]);
  assertEquals(await list("limit=2&cursor=4"), [[3, 2], 2]);
  assertEquals(await list("limit=2&type=a"), [[5, 3], 3]);
  assertEquals(await list("limit=2&type=a&cursor=3"), [[1], null]);
  for (const query of ["limit=0", "cursor=x", "cursor=1e99", "type=", "type=a%00", "tipe=a"]) {
    assertEquals((await api.get(`/v1/events?${query}`)).status, 422, query);
  }
});
