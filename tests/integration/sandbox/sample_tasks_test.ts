import { assertEquals, assertRejects } from "@std/assert";
import { isContract, type TaskContract } from "../../../shared/contracts/task.ts";
import * as contracts from "../../../shared/tasks/mod.ts";
import { ChildModules } from "../../../workers/sandbox/child_modules.ts";
import { ProcessPool } from "../../../workers/sandbox/pool.ts";
import { readBytes, readText } from "../../unit/tasks/fixtures.ts";

async function started(): Promise<ProcessPool> {
  const modules = new ChildModules(import.meta.resolve("../../../workers/tasks/mod.ts"));
  const pool = new ProcessPool({
    size: 1,
    modules: () => modules.of([]),
  });
  await pool.start();
  return pool;
}

async function run(pool: ProcessPool, contract: TaskContract, input: Record<string, unknown>) {
  const { name, timeLimit } = contract;
  const task = { id: crypto.randomUUID(), name, input, attempt: 1, deliveries: 1, timeLimit };
  return JSON.parse(await pool.run(task));
}

Deno.test("run() accepts the example of every sample task without any permission", async () => {
  await using pool = await started();
  for (const contract of Object.values<unknown>(contracts).filter(isContract)) {
    const result = await run(pool, contract, contract.example ?? {});
    assertEquals(contract.output?.parse(result), result, contract.name);
  }
});

Deno.test("run() makes a thumbnail of a photograph in a child", async () => {
  await using pool = await started();
  const image = (await readBytes("images/china.jpg")).toBase64();
  const { width, height, original } = await run(pool, contracts.imageThumbnail, { image });
  assertEquals([width, height], [128, 85]);
  assertEquals([original.width, original.height], [640, 427]);
});

Deno.test("run() names the error of a damaged picture by its class", async () => {
  await using pool = await started();
  const image = (await readBytes("images/truncated_image.png")).toBase64();
  const failing = () => run(pool, contracts.imageThumbnail, { image });
  assertEquals((await assertRejects(failing, Error)).name, "UnreadableImage");
});

Deno.test("run() summarises a table in a child", async () => {
  await using pool = await started();
  const csv = await readText("tables/airports.csv");
  assertEquals((await run(pool, contracts.csvSummary, { csv })).rows, 3376);
});
