import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { chain, chord, group, signature } from "../../../shared/mod.ts";
import { count, echo, fail, sleep } from "../../app/contracts.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

/** The fields of a workflow that these tests read. */
interface Answer {
  readonly id: string;
  readonly state: string;
  readonly result: unknown;
  readonly error: { type: string } | null;
  readonly tasks: { id: string; name: string; state: string }[];
}

async function start(url: string, workflow: unknown, key?: string): Promise<Answer> {
  const answer = await fetch(`${url}/v1/workflows`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key && { "idempotency-key": key }) },
    body: JSON.stringify(workflow),
  });
  const body = await answer.json();
  assertEquals(answer.status, 202, JSON.stringify(body));
  return body;
}

async function ended(url: string, id: string): Promise<Answer> {
  return await eventually(`the end of workflow ${id}`, async () => {
    const answer: Answer = await (await fetch(`${url}/v1/workflows/${id}?wait=30`)).json();
    return ["SUCCESS", "FAILURE", "REVOKED"].includes(answer.state) ? answer : undefined;
  });
}

Deno.test("a workflow continues after killed workers, and the chord's body runs once", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using stack = new AsyncDisposableStack();
  const file = await Deno.makeTempFile();
  stack.defer(() => Deno.remove(file));
  const allowed = [`--allow-read=${file}`, `--allow-write=${file}`];
  const env = { ...pipeline.env, CELERIAC_CONCURRENCY: "4" };
  // Slow enough that the second kill comes long before the body.
  const members = Array.from({ length: 200 }, () => signature(sleep, { seconds: 0.1 }));
  const body = signature(count, { file }, { immutable: true });
  const last = signature(echo, { value: "end" }, { immutable: true });

  const worker = async () => stack.use(await startWorker({ env, permissions: allowed }));
  let victim = await worker();
  const { id, tasks } = await start(url, chain(chord(members, body), last));
  assertEquals(tasks.length, 202);
  for (const done of [20, 60]) {
    await eventually("some of them", async () => await pipeline.count("SUCCESS") >= done);
    victim.kill("SIGKILL");
    await victim.exit();
    victim = await worker();
  }
  const { state, result } = await ended(url, id);
  assertEquals([state, result], ["SUCCESS", "end"]);
  assertEquals((await Deno.readTextFile(file)).trimEnd().split("\n").length, 1);
  const counted = "select count(*)::int as count from celeriac.chord_member";
  assertEquals(await pipeline.rows(counted), [{ count: 200 }]);
});

Deno.test("HTTP returns the outcome of a whole workflow", async (t) => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using _worker = await startWorker(pipeline);
  const value = (given: unknown) => signature(echo, { value: given });

  await t.step("its result", async () => {
    const workflow = chain(group(value(1), value(2)), signature(echo));
    const { id } = await start(url, workflow, "k");
    assertEquals((await start(url, workflow, "k")).id, id);
    const { state, result, tasks } = await ended(url, id);
    assertEquals([state, result], ["SUCCESS", [1, 2]]);
    const record = await (await fetch(`${url}/v1/tasks/${tasks[2]!.id}`)).json();
    assertEquals(record.result, [1, 2]);
    const headers = { accept: "text/html" };
    const page = await (await fetch(`${url}/tasks/${tasks[2]!.id}`, { headers })).text();
    assertStringIncludes(page, `href="/workflows/${id}"`);
    const [, parent] =
      /<div class="step">\s*<span[^>]*>Root and parent<\/span><br>\s*<a href="\/tasks\/([^"]*)"/
        .exec(page) ?? [];
    assert(tasks.slice(0, 2).some((one) => one.id === parent), page);
    const runs = await pipeline.rows("select 1 from celeriac.task");
    assertEquals(runs.length, 3);
  });

  await t.step("its failure", async () => {
    const workflow = chord([value(1), signature(fail)], signature(echo));
    const { state, error } = await ended(url, (await start(url, workflow)).id);
    assertEquals([state, error?.type], ["FAILURE", "ChordError"]);
  });

  await t.step("pending tasks are listed and can be revoked", async () => {
    const later = signature(echo, { value: 1 }, { options: { countdown: 60 } });
    const { id, tasks } = await start(url, chain(later, signature(echo)));
    const [first] = tasks;
    const record = await eventually("its record", async () => {
      const answer = await fetch(`${url}/v1/tasks/${tasks[1]!.id}`);
      return answer.ok ? await answer.json() : void await answer.body?.cancel();
    });
    assertEquals(record.state, "PENDING");
    const revoked = await fetch(`${url}/v1/tasks/${first!.id}`, { method: "DELETE" });
    assert(revoked.ok, await revoked.text());
    const seen: Answer = await (await fetch(`${url}/v1/workflows/${id}`)).json();
    assertEquals(seen.tasks[0]!.state, "REVOKED");
  });
});
