import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../shared/errors.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import type { TaskDefinition } from "../../../shared/contracts/task_definition.ts";

const input = z.object({ x: z.number() });

Deno.test("defineTask() fills what is left out", () => {
  const { queue, run, retry, bodyLimit, ignoreResult, timeLimit } = defineTask({
    name: "a.b",
    input,
  });
  assertEquals(
    { queue, run, attempts: retry.maxAttempts, bodyLimit, ignoreResult, timeLimit },
    {
      queue: "celeriac.default",
      run: "inline",
      attempts: 1,
      bodyLimit: 1 << 20,
      ignoreResult: false,
      timeLimit: {},
    },
  );
  assertEquals(defineTask({ name: "a", input, retry: true }).retry.maxAttempts, 4);
});

Deno.test("defineTask() refuses what cannot work, naming the task", () => {
  const wrong: Partial<TaskDefinition<typeof input, z.ZodType>>[] = [
    { name: "" },
    { name: "with space" },
    { name: "x".repeat(256) },
    { queue: "images" },
    { queue: "celeriac.dead" },
    { timeLimit: { hard: 0 } },
    { timeLimit: { soft: -1 } },
    { input: z.array(z.number()) as unknown as typeof input },
  ];
  for (const part of wrong) {
    const { message } = assertThrows(
      () => defineTask({ name: "resize", input, ...part }),
      ConfigurationError,
    );
    assertStringIncludes(message, `task '${part.name ?? "resize"}'`);
  }
});

Deno.test("Registry.fromModule() collects contracts alone and in arrays, each once", () => {
  const [a, b] = [
    defineTask({ name: "a", input }),
    defineTask({ name: "b", input, queue: "celeriac.b" }),
  ];
  const registry = Registry.fromModule(
    { a, all: [a, b], other: 7, nothing: null },
    "file:///contracts.ts",
  );
  assertEquals([...registry].map(({ name }) => name), ["a", "b"]);
  assertEquals(registry.queues, ["celeriac.b", "celeriac.default"]);
});

Deno.test("Registry refuses two contracts of one name, and a module without any", () => {
  const twins = [defineTask({ name: "a", input }), defineTask({ name: "a", input })];
  assertStringIncludes(assertThrows(() => new Registry(twins), ConfigurationError).message, "'a'");
  assertThrows(() => Registry.fromModule({ x: 1 }, "m"), ConfigurationError, "exports no contract");
});

Deno.test("Registry.suggest() names the nearest task", () => {
  const registry = new Registry([defineTask({ name: "csv.summary", input })]);
  assertEquals(registry.suggest("csv.sumary"), "csv.summary");
  assertEquals(registry.suggest("nothing.like.it"), undefined);
});
