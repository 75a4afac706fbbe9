/** Canvas across languages: Celery and our worker share a broker and Django's tables, and each runs half of the tasks. */
import { assertEquals } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { loadConfig } from "../../../shared/config/config.ts";
import { migrate } from "../../../shared/database/migrate.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { chain, defineTask, group, Retry, signature, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { handle, Handlers } from "../../../workers/handlers.ts";
import { WorkerProcess } from "../../../workers/main.ts";
import { celeryStack } from "../../support/celery_stacks.ts";
import { relayOf } from "../../support/relay.ts";
import { freshDatabase, freshVhost } from "../../support/servers.ts";
import { stacksHere } from "../../support/stacks_here.ts";

const two = z.object({ x: z.number(), y: z.number() });
const handlers = [
  handle(defineTask({ name: "deno.add", input: two }), ({ x, y }) => x + y),
  handle(defineTask({ name: "deno.slow_add", input: two }), async ({ x, y }) => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return x + y;
  }),
  handle(
    defineTask({ name: "deno.sum", input: z.object({ numbers: z.array(z.number()) }) }),
    ({ numbers }) => numbers.reduce((total, number) => total + number, 0),
  ),
  handle(
    defineTask({ name: "deno.fail", input: z.object({ given: z.unknown().optional() }) }),
    () => {
      throw new RangeError("boom");
    },
  ),
  handle(
    defineTask({ name: "deno.swap", input: two }),
    ({ x, y }, { replace }) =>
      replace(chain(signature("proj.add", { x, y }), signature("deno.add", { y: 100 }))),
  ),
  handle(
    defineTask({ name: "deno.fan", input: two }),
    ({ x, y }, { replace }) =>
      replace(group(signature("proj.add", { x, y }), signature("deno.add", { x, y }))),
  ),
  handle(defineTask({ name: "deno.refuse", input: z.object({}) }), () => {
    throw Object.assign(new RangeError("card"), { args: ["card", 7, { code: [null] }] });
  }),
  handle(defineTask({ name: "deno.tired", input: z.object({}), retry: { maxAttempts: 1 } }), () => {
    throw new Retry();
  }),
  handle(defineTask({ name: "deno.note", input: z.object({ id: z.string() }) }), ({ id }) => id),
];

const BOOM = ["ValueError", "boom"];
const expected: Record<string, unknown> = {
  chain_both_sides: [11, ["SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS"]],
  chain_immutable: 10,
  chain_partial_keywords: 42,
  chain_fails_in_the_middle: [BOOM, ["FAILURE", "FAILURE", "FAILURE", "SUCCESS"]],
  chain_fails_in_python: [BOOM, ["FAILURE", "FAILURE", "SUCCESS"]],
  group_both_sides: [[0, 2, 4, 6, 8, 10, 12, 14, 16, 18], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]],
  chord_python_last: 6,
  chord_ours_last: 6,
  chord_of_200: 20100,
  chord_empty_header: 0,
  chord_body_a_chain: 116,
  chord_then_steps: 1007,
  chord_nested: 12,
  chord_of_chains: 8,
  chord_opened_by_us: 7,
  starmap: [3, 7],
  map: [3, 7],
  chunks: [[[[0, 2], [4]]], {}],
  replaced_in_chain: 1113,
  replaced_in_chord: 215,
  replaced_by_group: [[3, 3], 3],
  several_arguments: ["card", 7, { code: [null] }],
  wrong_arguments: "TypeError",
  no_attempt_left: ["MaxRetriesExceededError", "MaxRetriesExceededError", "FAILURE"],
  link: [2, [3, 4]],
  link_error_in_python: [BOOM, true],
  link_error_of_ours: [BOOM, true],
};

for (const name of await stacksHere()) {
  Deno.test(`canvas: Celery (${name}) and our worker run every shape together`, async (t) => {
    const stack = await celeryStack(name);
    await using fixture = new AsyncDisposableStack();
    const vhost = fixture.use(await freshVhost({ defaultQueueType: "classic" }));
    const fresh = fixture.use(await freshDatabase());
    const script = (file: string) => new URL(file, import.meta.url);
    const env = { DATABASE: fresh.url };
    await stack.run(script("proj.py"), ["migrate"], { url: vhost.url, env, timeoutMs: 120_000 });

    const database = fixture.use(new PostgresDatabase({ url: fresh.url, name: "test" }));
    await database.start();
    await migrate(database);
    const broker = fixture.use(new AmqpBroker({ url: vhost.url, name: "test" }));
    await broker.start();
    await broker.connected();
    const registry = new Registry(handlers.map(({ contract }) => contract));
    await broker.declare(declarationFor("dev", registry.queues));
    const relay = fixture.use(relayOf({ database, broker, results: "django" }));
    await relay.start();
    const modules = {
      contracts: import.meta.resolve("../../app/contracts.ts"),
      handlers: import.meta.resolve("../../app/handlers.ts"),
    };
    const config = loadConfig("worker", { flags: { results: "django" }, env: () => undefined });
    const worker = fixture.use(
      new WorkerProcess({
        config,
        registry,
        handlers: new Handlers(handlers),
        modules,
        broker,
        database,
      }),
    );
    await worker.start();
    await using _python = await stack.worker(script("proj.py"), { url: vhost.url, env });

    const said = await stack.run(script("send.py"), [], {
      url: vhost.url,
      env,
      timeoutMs: 240_000,
    });
    const found = JSON.parse(said) as Record<string, unknown>;
    for (const [shape, outcome] of Object.entries(expected)) {
      await t.step(shape, () => assertEquals(found[shape], outcome));
    }
    await t.step("a failing member fails the chord's body", () => {
      for (const shape of ["chord_member_fails", "chord_python_member_fails"]) {
        const [type, message] = found[shape] as [string, string];
        assertEquals(type, "ChordError");
        assertEquals(/ValueError\('boom'\)/.test(message), true, message);
      }
    });
    const { python, ours } = found["rows_of_both"] as Record<string, Record<string, unknown>>;
    for (const shape of Object.keys(python!)) {
      await t.step(
        `${shape}: rows and graph are those of a Python worker`,
        () => assertEquals(ours![shape], python![shape]),
      );
    }
    await t.step("no chord counter remains", async () => {
      const left = await database.query("select group_id from django_celery_results_chordcounter");
      assertEquals(left, []);
    });
  });
}
