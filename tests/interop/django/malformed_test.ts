/** Messages that are not tasks, sent by Python's AMQP client: each is dead-lettered with its reason and does not affect other tasks. */
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { management } from "../../support/servers.ts";
import { freshShop, openShop } from "../../support/shop.ts";
import { stacksHere } from "../../support/stacks_here.ts";

interface Sent {
  readonly good: readonly string[];
  /** Name -> reason. */
  readonly bad: Readonly<Record<string, string>>;
  /** Name -> id. */
  readonly fine: Readonly<Record<string, string>>;
  readonly bare: number;
}

const STATES = `
  select task_id as id, status from django_celery_results_taskresult where task_id = any($1::text[])`;

const LETTERS = "select headers from celeriac.dead_letter";

for (const name of await stacksHere()) {
  Deno.test(`messages of py-amqp (${name}) that are not tasks are dead-lettered with the reason`, async () => {
    await using shop = await freshShop(name);
    await using roles = await openShop(shop);
    const { pipeline: { vhost, rows } } = shop;

    const script = new URL("malformed.py", import.meta.url);
    const sent: Sent = JSON.parse(await shop.script(script, ["celeriac.default"]));
    const states = async (ids: readonly string[]) => {
      const found = await rows<{ id: string; status: string }>(STATES, [ids]);
      return new Map(found.map(({ id, status }) => [id, status]));
    };
    const runs = [...sent.good, ...Object.values(sent.fine)];
    const worked = await eventually("every good message is worked", async () => {
      const found = await states(runs);
      const final = [...found.values()].filter((status) => !/PENDING|STARTED/.test(status));
      return final.length === runs.length && found;
    });
    assertEquals(runs.filter((id) => worked.get(id) !== "SUCCESS"), []);

    const expected = Object.keys(sent.bad).length + sent.bare;
    const dead = await eventually("every bad one is a dead letter", async () => {
      const found = await rows<{ headers: Record<string, unknown> }>(LETTERS);
      return found.length >= expected && found;
    });
    const reasons = dead.filter(({ headers }) => headers["bad"] !== undefined)
      .map(({ headers }) => [headers["bad"], headers["celeriac-reason"]]);
    assertEquals(Object.fromEntries(reasons), sent.bad);
    assertEquals(dead.length, expected);
    for (const { headers } of dead) {
      assert(String(headers["celeriac-detail"]).length > 20, JSON.stringify(headers["bad"]));
    }
    const named = dead.map(({ headers }) => headers["id"])
      .filter((id): id is string => typeof id === "string" && /^.{1,255}$/.test(id));
    const failed = await eventually("every one that has an id has failed", async () => {
      const found = await states(named);
      return found.size === named.length && found;
    });
    assertEquals([...new Set(failed.values())], ["FAILURE"]);

    await roles.worker.said(/y{200} has no record/);
    await eventually("nothing is left in the queue", async () => {
      const path = `/api/queues/${vhost.name}/celeriac.default`;
      const queue = await management(vhost.managementUrl, "GET", path) as { messages?: number };
      return queue.messages === 0;
    });
    assert(roles.worker.running);
  });
}
