import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Events, type TaskEvent } from "../../../shared/telemetry/events.ts";
import { Metrics } from "../../../shared/telemetry/metrics.ts";

async function sample(metrics: Metrics, series: string): Promise<string | undefined> {
  const line = (await metrics.render()).split("\n").find((line) => line.startsWith(`${series} `));
  return line?.slice(series.length + 1);
}

const received = (id: string, name = "add"): TaskEvent => ({
  type: "task-received",
  id,
  name,
  queue: "q",
  args: null,
  kwargs: null,
  rootId: id,
  parentId: null,
  retries: 0,
  eta: null,
  expires: null,
  redelivered: false,
});

Deno.test("Metrics.observe() counts tasks and their outcomes", async () => {
  const metrics = new Metrics();
  const events = new Events();
  events.on(metrics.observe);
  const name = "add";
  for (const id of ["a", "b", "c", "d"]) {
    events.emit(received(id));
    events.emit({ type: "task-started", id, name });
  }
  events.emit({ type: "task-progress", id: "a", name, progress: 1 });
  events.emit({ type: "task-succeeded", id: "a", name, result: "1", runtime: 0.2 });
  events.emit({
    type: "task-failed",
    id: "b",
    name,
    exception: "E()",
    traceback: null,
    runtime: 0.3,
  });
  events.emit({ type: "task-retried", id: "c", name, exception: "E()", traceback: null, delay: 1 });
  events.emit({ type: "task-revoked", id: "never ran", name, expired: true, terminated: false });
  events.emit({ type: "task-rejected", id: null, name: null, reason: "malformed", message: "" });
  assertEquals(await sample(metrics, 'celeriac_tasks_received_total{task="add",queue="q"}'), "4");
  for (const outcome of ["success", "failure", "retry", "revoked"]) {
    assertEquals(
      await sample(metrics, `celeriac_tasks_finished_total{task="add",outcome="${outcome}"}`),
      "1",
    );
  }
  assertEquals(await sample(metrics, 'celeriac_tasks_rejected_total{reason="malformed"}'), "1");
  assertEquals(await sample(metrics, 'celeriac_task_seconds_count{task="add"}'), "2");
});

Deno.test("Metrics.observe() adds to the counts of earlier scrapes", async () => {
  const metrics = new Metrics();
  for (const total of ["1", "2", "3"]) {
    metrics.observe(received(total));
    const series = 'celeriac_tasks_received_total{task="add",queue="q"}';
    assertEquals([await sample(metrics, series), await sample(metrics, series)], [total, total]);
  }
});

Deno.test("Metrics bounds the number of task names that come from outside", async () => {
  const metrics = new Metrics();
  for (let n = 0; n < 600; n++) metrics.observe(received(`id-${n}`, `task-${n}`));
  const series = (await metrics.render()).match(/celeriac_tasks_received_total\{/g)!.length;
  assertEquals(series, 501);
  assertEquals(
    await sample(metrics, 'celeriac_tasks_received_total{task="other",queue="q"}'),
    "100",
  );
});

Deno.test("Metrics.gauge() reads at each scrape, and returns NaN on an error", async () => {
  const metrics = new Metrics();
  let depth = 3;
  metrics.gauge("celeriac_outbox_depth", "Depth", () => Promise.resolve(depth));
  metrics.gauge("celeriac_broken", "Broken", () => Promise.reject(new Error("down")));
  assertEquals(await sample(metrics, "celeriac_outbox_depth"), "3");
  depth = 4;
  assertEquals(await sample(metrics, "celeriac_outbox_depth"), "4");
  assertEquals(await sample(metrics, "celeriac_broken"), "Nan");
});

Deno.test("Metrics.watchBroker() shows the state that the broker is in", async () => {
  const metrics = new Metrics();
  metrics.watchBroker({ status: { state: "blocked" } });
  assertEquals(await sample(metrics, 'celeriac_broker_state{state="blocked"}'), "1");
  assertEquals(await sample(metrics, 'celeriac_broker_state{state="connected"}'), "0");
});

Deno.test("Metrics of two instances know nothing of each other, and all names begin with celeriac_", async () => {
  const [one, other] = [new Metrics(), new Metrics()];
  one.countRequest({ method: "GET", route: "/v1/tasks", status: 200, seconds: 0.01 });
  assertStringIncludes(await one.render(), 'route="/v1/tasks"');
  assert(!(await other.render()).includes('route="/v1/tasks"'));
  const names = (await one.render()).split("\n").filter((line) =>
    line !== "" && !line.startsWith("#")
  );
  assertEquals(names.filter((line) => !line.startsWith("celeriac_")), []);
});

Deno.test("Metrics.gauge() shares one read among all scrapes within keepMs", async () => {
  const metrics = new Metrics();
  let reads = 0;
  const read = () => Promise.resolve(++reads);
  metrics.gauge("celeriac_kept", "Kept", read, { keepMs: 2 ** 30 });
  metrics.gauge("celeriac_read", "Read", read);
  await Promise.all(Array.from({ length: 100 }, () => metrics.render()));
  assertEquals([await sample(metrics, "celeriac_kept"), reads], ["1", 102]);
});
