import { assertEquals } from "@std/assert";
import { decodeTask } from "../../../shared/celery/decode.ts";
import { createFixture } from "./fixture.ts";

const submit = (labels: unknown) => ({ options: { labels } });

Deno.test("labels travel as Celery's stamps, and are in the record", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks/ping", submit({ order: "7", "tenant.id": "a:b" }));
  const { id } = await answer.json();
  const [message] = await fixture.published();
  assertEquals(message!.headers["stamped_headers"], ["order", "tenant.id"]);
  assertEquals(decodeTask(message!).stamps, { order: "7", "tenant.id": "a:b" });
  const record = await (await fixture.app.request(`/v1/tasks/${id}`)).json();
  assertEquals(record.labels, { order: "7", "tenant.id": "a:b" });
});

Deno.test("each task of a workflow has its own labels", async () => {
  await using fixture = await createFixture();
  const part = (order: string) => ({ name: "ping", ...submit({ order }) });
  const answer = await fixture.post("/v1/workflows", { group: [part("1"), part("2")] });
  const { tasks } = await answer.json();
  const labels = tasks.map(({ id }: { id: string }) => fixture.records.records.get(id)?.labels);
  assertEquals(labels, [{ order: "1" }, { order: "2" }]);
});

Deno.test("invalid labels are refused by name", async () => {
  await using fixture = await createFixture();
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`l${index}`, "x"]));
  const cases: [labels: unknown, field: string][] = [
    [{ task_id: "x" }, "options.labels.task_id"],
    [{ queue: "x" }, "options.labels.queue"],
    [{ stamps: "x" }, "options.labels.stamps"],
    [{ "a b": "x" }, "options.labels.a b"],
    [{ a: 7 }, "options.labels.a"],
    [{ a: "" }, "options.labels.a"],
    [{ a: "x".repeat(256) }, "options.labels.a"],
    [many, "options.labels"],
    ["order", "options.labels"],
  ];
  for (const [labels, field] of cases) {
    const answer = await fixture.post("/v1/tasks/ping", submit(labels));
    const { errors } = await answer.json();
    assertEquals([answer.status, errors[0].field], [422, field]);
  }
  assertEquals(await fixture.published(), []);
});

Deno.test("GET /v1/tasks?label= needs a name and a value", async () => {
  await using fixture = await createFixture();
  const cases: [label: string, status: number][] = [
    ["order:7", 200],
    ["order:a:b", 200],
    ["order", 422],
    [":7", 422],
    ["order:", 422],
    ["order:\0", 422],
  ];
  for (const [label, status] of cases) {
    const answer = await fixture.app.request(`/v1/tasks?label=${encodeURIComponent(label)}`);
    await answer.body?.cancel();
    assertEquals(answer.status, status, label);
  }
});
