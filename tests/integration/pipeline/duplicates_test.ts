import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { v4, v7 } from "uuid";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, type Pipeline } from "../../support/pipeline.ts";
import { publishRaw, rawChannel, rawTask } from "../../support/raw_amqp.ts";
import { startApi, startWorker } from "../../support/roles.ts";

const SENDERS = 40;

interface Fixture extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly url: string;
  readonly folder: string;
  startWorker(node: string): ReturnType<typeof startWorker>;
}

async function createFixture(): Promise<Fixture> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const pipeline = stack.use(await freshPipeline());
  const { api, url } = await startApi(pipeline);
  stack.use(api);
  const owned = stack.move();
  return {
    pipeline,
    url,
    folder,
    startWorker: (node) =>
      startWorker({
        env: { ...pipeline.env, CELERIAC_NODE: node },
        permissions: [`--allow-read=${folder}`, `--allow-write=${folder}`],
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Input of a task that writes a line per run and runs until the test ends it. */
function counted(folder: string) {
  const name = v4();
  const file = join(folder, name);
  const until = `${file}.end`;
  return {
    kwargs: { file, until },
    runs: async () => (await Deno.readTextFile(file).catch(() => "")).split("\n").length - 1,
    end: () => Deno.writeTextFile(until, ""),
  };
}

function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${url}/v1/tasks/test.count`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** Messages of a task, in flight or pending. */
async function copies({ pipeline }: Fixture, id: string) {
  const [row] = await pipeline.rows<{ outbox: number; held: number }>(
    `select (select count(*)::int from celeriac.outbox where task_id = $1) as outbox,
       (select count(*)::int from celeriac.holder where task_id = $1) as held`,
    [id],
  );
  return row!;
}

const many = <Result>(send: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: SENDERS }, (_, index) => send(index)));

Deno.test("forty concurrent senders of one task start one run", async (t) => {
  await using here = await createFixture();
  await using _one = await here.startWorker("worker@one");
  await using _two = await here.startWorker("worker@two");
  const { pipeline, url, folder } = here;
  await using raw = await rawChannel(pipeline.vhost.url);

  /** Sends, ends the task once all copies were met, and waits until none is left. */
  async function runsOnce(task: ReturnType<typeof counted>, send: () => Promise<string>) {
    const id = await send();
    await eventually("it runs", async () => await task.runs() > 0);
    // Each copy that is not run waits in the outbox, all of them in one row.
    await eventually("all copies are met", async () => {
      const { messageCount } = await raw.channel.checkQueue("celeriac.default");
      return messageCount === 0 && (await copies(here, id)).outbox <= 1;
    });
    await task.end();
    assertEquals((await pipeline.final(id)).state, "SUCCESS");
    await eventually("no copy is left", async () => {
      const { outbox, held } = await copies(here, id);
      return outbox + held === 0;
    }, { within: 60 });
    assertEquals(await task.runs(), 1);
  }

  await t.step("with one Idempotency-Key", async () => {
    const task = counted(folder);
    await runsOnce(task, async () => {
      const answers = await many(async () => {
        const answer = await post(url, { kwargs: task.kwargs }, { "idempotency-key": "forty" });
        return `${answer.status} ${await answer.text()}`;
      });
      assertEquals(new Set(answers).size, 1, answers.join("\n"));
      const [answer = ""] = answers;
      assert(answer.startsWith("202 "), answer);
      return JSON.parse(answer.slice(4)).id;
    });
  });

  await t.step("with one task_id", async () => {
    const task = counted(folder);
    const id = v7();
    await runsOnce(task, async () => {
      const statuses = await many(async () => {
        const answer = await post(url, { kwargs: task.kwargs, options: { task_id: id } });
        await answer.body?.cancel();
        return answer.status;
      });
      assertEquals(new Set(statuses), new Set([202]));
      return id;
    });
  });

  await t.step("with one id from Celery", async () => {
    const task = counted(folder);
    const id = v4();
    await runsOnce(task, async () => {
      const { kwargs } = task;
      const copies = Array.from({ length: SENDERS }, () => rawTask("test.count", id, { kwargs }));
      await publishRaw(raw, "", "celeriac.default", copies);
      return id;
    });
  });

  await t.step("with one id in celeriac.submit()", async () => {
    const task = counted(folder);
    const id = v7();
    await runsOnce(task, async () => {
      await many(() =>
        pipeline.rows("select celeriac.submit('test.count', $1, id => $2)", [
          JSON.stringify(task.kwargs),
          id,
        ])
      );
      return id;
    });
  });
});

Deno.test("a task whose worker dies runs on another worker after the lease", async () => {
  await using here = await createFixture();
  const task = counted(here.folder);
  await using first = await here.startWorker("worker@first");
  const id = v7();
  const send = () => post(here.url, { kwargs: task.kwargs, options: { task_id: id } });
  await (await send()).body?.cancel();
  await eventually("it runs", async () => await task.runs() === 1);
  await using _second = await here.startWorker("worker@second");
  await (await send()).body?.cancel();
  // Its copy joins the run in the first worker, or waits in the outbox for the second.
  first.kill("SIGKILL");
  await eventually("it runs again", async () => await task.runs() === 2, { within: 60 });
  await task.end();
  assertEquals((await here.pipeline.final(id)).state, "SUCCESS");
  await eventually("no copy is left", async () => (await copies(here, id)).outbox === 0, {
    within: 60,
  });
  assertEquals(await task.runs(), 2);
});
