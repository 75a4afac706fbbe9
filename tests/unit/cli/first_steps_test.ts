import { assertEquals } from "@std/assert";
import { firstStep } from "../../../cli/dev/first_steps.ts";
import { defineTask, z } from "../../../shared/mod.ts";

const url = "http://127.0.0.1:8000";
const secret = defineTask({
  name: "secret",
  input: z.object({ word: z.string().refine((word) => word === "sesame") }),
});
const greet = defineTask({ name: "greet", input: z.object({ who: z.string() }) });
const quote = defineTask({
  name: "quote",
  input: z.object({ text: z.string() }),
  example: { text: "it's" },
});

function line(name: string, body: string): string {
  return `curl -s ${url}/v1/tasks/${name} -H 'content-type: application/json' -H 'prefer: wait=5' -d ${body}`;
}

Deno.test("firstStep() selects the first task for which it has arguments", () => {
  assertEquals(
    firstStep(url, [secret, greet]),
    line("greet", `'{"kwargs":{"who":"example"}}'`),
  );
});

Deno.test("firstStep() prefers a contract's example, quoted for a shell", () => {
  assertEquals(
    firstStep(url, [greet, quote]),
    line("quote", `'{"kwargs":{"text":"it'\\''s"}}'`),
  );
});

Deno.test("firstStep() names the reference page when no arguments can be made", () => {
  assertEquals(firstStep(url, [secret]), `open ${url}/docs for the arguments of each task`);
});
