/** Python runs tasks from our HTTP API: through a queue that Celery declares, with results in Django's tables. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { startApi } from "../../support/roles.ts";
import { management } from "../../support/servers.ts";
import { freshShop } from "../../support/shop.ts";
import { stacksHere } from "../../support/stacks_here.ts";

interface Answer {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly result: unknown;
  readonly args: readonly unknown[] | null;
  readonly args_repr: string | null;
  readonly worker: string | null;
  readonly error: { type: string; module: string; message: string } | null;
  readonly submitted_at: string | null;
  readonly finished_at: string | null;
}

for (const name of await stacksHere()) {
  Deno.test(`Celery (${name}) runs tasks that we send`, async (test) => {
    await using shop = await freshShop(name);
    const { managementUrl, name: vhost } = shop.pipeline.vhost;
    await using worker = await shop.pythonWorker("--without-mingle", "--without-gossip");
    const env = { ...shop.env, CELERIAC_FOREIGN_QUEUES: "celery,absent" };
    const { api, url } = await startApi({ env });
    await using _api = api;

    const post = async (task: string, body: unknown, headers: Record<string, string> = {}) => {
      const answer = await fetch(`${url}/v1/tasks/${task}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
      return { status: answer.status, body: await answer.json() };
    };
    const final = (id: string) =>
      eventually(`a final state of ${id}`, async () => {
        const record: Answer = await (await fetch(`${url}/v1/tasks/${id}`)).json();
        return /SUCCESS|FAILURE|REVOKED/.test(record.state) && record;
      });
    const run = async (task: string, body: unknown): Promise<Answer> => {
      const { status, body: accepted } = await post(task, body);
      assertEquals(status, 202, JSON.stringify(accepted));
      return await final(accepted.id);
    };
    const celery = { queue: "celery" };

    await test.step("the record is the Python worker's row", async () => {
      const done = await run("shop.tasks.total", { args: [[1, 2.5]], options: celery });
      assertEquals([done.state, done.result, done.name], ["SUCCESS", 3.5, "shop.tasks.total"]);
      assertEquals([done.args, done.args_repr], [[[1, 2.5]], "([1, 2.5],)"]);
      assertMatch(done.worker ?? "", /^celery@/);
      const named = await run("shop.tasks.total", {
        kwargs: { prices: [1] },
        options: { ...celery, priority: 3, headers: { tenant: "a", number: 300, epoch: 2 ** 41 } },
      });
      assertEquals(named.result, 1);
    });

    await test.step("a caller can wait for the result", async () => {
      const body = { args: [[4]], options: celery };
      const waited = await post("shop.tasks.total", body, { prefer: "wait=30" });
      assertEquals([waited.status, waited.body.state, waited.body.result], [200, "SUCCESS", 4]);
    });

    await test.step("Python's exceptions and unknown task names are reported", async () => {
      const failed = await run("shop.tasks.shipping", { args: [2, "KR"], options: celery });
      assertEquals([failed.state, failed.error?.type, failed.error?.module], [
        "FAILURE",
        "NotImplementedError",
        "builtins",
      ]);
      const unknown = await run("no.such.task", { options: celery });
      assertEquals([unknown.state, unknown.error?.type], ["FAILURE", "NotRegistered"]);
    });

    await test.step("nothing runs before its time", async () => {
      const options = { ...celery, countdown: 3 };
      const begun = Date.now();
      const later = await run("shop.tasks.total", { args: [[1]], options });
      assertEquals(later.result, 1);
      assert(Date.parse(later.finished_at ?? "") - begun >= 3000, later.finished_at ?? "");
    });

    await test.step("a missing or unspecified queue is refused with the reason", async () => {
      const absent = await post("shop.tasks.total", { args: [[1]], options: { queue: "absent" } });
      assertEquals(absent.status, 503);
      assertMatch(absent.body.detail, /there is no queue 'absent'/);
      const other = await post("shop.tasks.total", { args: [[1]], options: { queue: "others" } });
      assertEquals(other.status, 422);
      assertMatch(other.body.detail, /'others' .*CELERIAC_FOREIGN_QUEUES/);
    });

    await test.step("we do not declare or change Celery's queues", async () => {
      const queues = await management(managementUrl, "GET", `/api/queues/${vhost}`) as {
        name: string;
        arguments: Record<string, unknown>;
      }[];
      const theirs = queues.filter((queue) => queue.name === "celery" || queue.name === "absent");
      assertEquals(
        theirs.map(({ name, arguments: given }) => ({
          name,
          type: given["x-queue-type"] ?? "classic",
        })),
        [{ name: "celery", type: "classic" }],
      );
    });

    assert(worker.running);
    assert(!/Unrecoverable error|Connection to broker lost/.test(worker.output), worker.output);
  });
}
