/** Tasks that leave something in their child: the next task of the child is not affected. */
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { PolicyViolation, WorkerLost } from "../../../shared/errors.ts";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import { ChildModules } from "../../../workers/sandbox/child_modules.ts";
import { Pools } from "../../../workers/sandbox/pools.ts";
import { eventually } from "../../support/eventually.ts";
import * as hostile from "../../app/hostile_contracts.ts";

const MODULES = {
  contracts: [],
  modules: new ChildModules(import.meta.resolve("../../app/hostile_handlers.ts")),
};

/** Runs tasks one after the other in a pool of one child. */
function runner(options: { startMs?: number } = {}) {
  const pools = new Pools({ ...MODULES, size: 1, warm: [hostile.innocent], ...options });
  return {
    async run(contract: TaskContract, target = "") {
      const violations: string[] = [];
      const { name, timeLimit } = contract;
      const task = { id: target, name, input: { target }, attempt: 1, deliveries: 1, timeLimit };
      const json = await pools.run(contract, task, {
        onViolation: (violation, what) => violations.push(`${violation}: ${what}`),
      });
      return { ...JSON.parse(json) as { pid: number; count?: number }, violations };
    },
    [Symbol.asyncDispose]: () => pools.stop(),
  };
}

const REPLACED = [
  ...["worker", "subclass", "nodeWorker", "burningWorker", "channel", "signal", "response"],
  ...["exitListener", "rejectionListener", "globalListener"],
];

const CHANGED: readonly (readonly [string, string])[] = [
  ["objectGetter", "Object.prototype.then"],
  ["toJSON", "Object.prototype.toJSON"],
  ["stringify", "JSON.stringify"],
  ["parse", "JSON.parse"],
  ["promiseThen", "Promise.prototype.then"],
  ["arrayPush", "Array.prototype.push"],
  ["mapGet", "Map.prototype.get"],
  ["nan", "Math.random"],
  ["encode", "TextEncoder.prototype.encode"],
  ["fetch", "globalThis.fetch"],
  ["response2", "Response.prototype.json"],
  ["denoReadFile", "Deno.readFile"],
  ["console", "console.log"],
  ["intl", "Intl.NumberFormat.prototype.formatToParts"],
  ["nodeTimers", "node:timers.setTimeout"],
  ["nodeFs", "node:fs.readFileSync"],
  ["nodeCrypto", "node:crypto.randomUUID"],
  ["nodeEvents", "EventEmitter.prototype.emit"],
  ["asyncContext", "AsyncLocalStorage.prototype.run"],
];

const KEPT = ["nothing", "timers", "immediates", "read", "closed", "memory", "input", "output"];

Deno.test("a child is replaced when a task leaves threads, open resources or listeners in it", async (t) => {
  await using fixture = runner();
  for (const what of REPLACED) {
    await t.step(what, async () => {
      const { pid, violations } = await fixture.run(hostile.leave, what);
      const next = await fixture.run(hostile.innocent);
      assertEquals([violations, next.violations], [[], []]);
      assert(next.pid !== pid, `the next task ran in the same child, ${pid}`);
    });
  }
});

Deno.test("a child is replaced when a task has changed shared globals", async (t) => {
  await using fixture = runner();
  for (const [what, name] of CHANGED) {
    await t.step(name, async () => {
      const { pid, violations } = await fixture.run(hostile.leave, what);
      assertEquals(violations, [`intrinsics: changed ${name}`]);
      const next = await fixture.run(hostile.innocent);
      assert(next.pid !== pid, `the next task ran in the same child, ${pid}`);
    });
  }
});

Deno.test("a child is kept when the leftovers of a task can be cleaned up", async (t) => {
  await using fixture = runner();
  const { pid } = await fixture.run(hostile.innocent);
  for (const what of KEPT) {
    await t.step(what, async () => {
      assertEquals(await fixture.run(hostile.leave, what), { pid, violations: [] });
      const next = await fixture.run(hostile.innocent);
      assertEquals([next.pid, next.count, next.violations], [pid, 0, []]);
    });
  }
});

Deno.test("a task that ends its child or its channel fails alone", async (t) => {
  await using fixture = runner();
  const cases = [
    ["exit", "exit code 0"],
    ["processExit", "exit code 3"],
    ["closeInput", "must not close file descriptors"],
    ["closeOutput", "must not close file descriptors"],
  ] as const;
  for (const [what, reason] of cases) {
    await t.step(what, async () => {
      const error = await fixture.run(hostile.sabotage, what).catch((error) => error);
      assertInstanceOf(error, WorkerLost);
      assertStringIncludes(error.message, reason);
      assertEquals((await fixture.run(hostile.innocent)).violations, []);
    });
  }
  await t.step("flood", async () => {
    const error = await fixture.run(hostile.sabotage, "flood").catch((error) => error);
    assertInstanceOf(error, PolicyViolation);
    assertEquals(error.violation, "output");
    assertEquals((await fixture.run(hostile.innocent)).violations, []);
  });
});

Deno.test("a child blocked by an earlier task is replaced, and the next task runs in another", async () => {
  await using fixture = runner({ startMs: 3000 });
  const { pid } = await fixture.run(hostile.innocent);
  assertEquals((await fixture.run(hostile.sabotage, "block")).violations, []);
  // It takes a moment until it blocks.
  const next = await eventually("a task that runs in another child", async () => {
    const next = await fixture.run(hostile.innocent);
    return next.pid !== pid && next;
  });
  assertEquals(next.violations, []);
});
