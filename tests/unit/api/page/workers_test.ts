import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type SurveyedWorker, WorkerSurvey } from "../../../../api/reading/worker_survey.ts";
import { BrokerUnavailable } from "../../../../shared/errors.ts";
import { createFixture, type Fixture } from "../fixture.ts";
import { startWorker } from "../remote_worker.ts";
import { keyedFixture, testKey } from "../access/keys.ts";

const page = async (fixture: Fixture, path: string, token?: string) => {
  const headers = { accept: "text/html", ...(token && { cookie: `celeriac=${token}` }) };
  return await (await fixture.app.request(path, { headers })).text();
};

Deno.test("WorkerSurvey.read() fails at once while the broker is away, and leaves nothing waiting", async () => {
  let listens = 0;
  const never = () => {
    listens++;
    return new Promise<never>(() => {});
  };
  const status = { state: "connecting", reason: "connection refused" } as const;
  const survey = new WorkerSurvey({ broker: { status, listen: never, publish: never } });
  for (let call = 0; call < 2; call++) {
    await assertRejects(() => survey.read(), BrokerUnavailable, "because connection refused");
  }
  assertEquals(listens, 0);
});

Deno.test("WorkerSurvey.read() returns the workers that reply, whatever they leave out", async () => {
  await using fixture = await createFixture();
  await using _full = await startWorker(fixture, "w1@host");
  await using _poor = await startWorker(fixture, "a@python", { stats: { pool: "?" } });
  const survey = new WorkerSurvey({ broker: fixture.broker, collectMs: 50 });
  const [poor, full, ...more] = await survey.read();
  assertEquals(more, []);
  assertEquals(poor, {
    name: "a@python",
    pid: null,
    uptimeSeconds: null,
    concurrency: null,
    prefetch: null,
    received: 0,
    queues: [],
    registered: new Map(),
    active: [],
  });
  assertEquals([full!.concurrency, full!.prefetch, full!.received], [8, 16, 7]);
  assertEquals(full!.queues, ["celeriac.text", "celery"]);
  assertEquals(full!.registered, new Map([["add", null], ["text.shout", "10/m"]]));
  assertEquals(
    full!.active[0],
    {
      id: "a",
      name: "add",
      queue: "q",
      startedAt: new Date(1_700_000_000_000),
    } satisfies SurveyedWorker["active"][number],
  );
});

Deno.test("the page of workers shows what each runs, and a limited key its own tasks only", async () => {
  const all = testKey();
  const limited = testKey({ tasks: ["text.*"] });
  await using fixture = await keyedFixture([all, limited]);
  assertStringIncludes(await page(fixture, "/workers", all.token), "No worker has replied");
  await using _worker = await startWorker(fixture, "w1@host");
  const whole = await page(fixture, "/workers", all.token);
  for (const text of ["w1@host", 'href="/tasks/a"', 'href="/tasks/b"', "1 min 30 s"]) {
    assertStringIncludes(whole, text);
  }
  const own = await page(fixture, "/workers", limited.token);
  assert(!own.includes('href="/tasks/a"') && own.includes('href="/tasks/b"'));
});

Deno.test("the page of queues marks a queue of a contract without a worker", async () => {
  await using fixture = await createFixture();
  await using _worker = await startWorker(fixture, "w1@host");
  const text = await page(fixture, "/queues");
  const row = (queue: string) =>
    [...text.matchAll(/<tr data-row[^]*?<\/tr>/g)].map(([found]) => found)
      .find((found) => found.includes(`>${queue}<`))!;
  assertStringIncludes(row("celeriac.default"), "No worker");
  assertStringIncludes(row("celeriac.text"), "w1@host");
  assertStringIncludes(row("celery"), "w1@host");
});
