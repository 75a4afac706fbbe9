/** The first commands that `dev` prints. */
import { exampleInput } from "../../shared/contracts/example_input.ts";
import { shellQuote } from "../../shared/text/shell_quote.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";

/** Returns a `curl` line that submits one of the tasks with valid arguments: the first task whose
 * contract has an example, or else the first for which arguments can be made from its schema.
 *
 * @param url where the API listens
 * @returns a line that names the reference page when no arguments can be made
 *
 * @example
 * ```ts
 * import { firstStep } from "./first_steps.ts";
 * import { defineTask, z } from "../../shared/mod.ts";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const greet = defineTask({ name: "greet", input: z.object({ who: z.string() }) });
 * assertStringIncludes(firstStep("http://127.0.0.1:8000", [greet]), `/v1/tasks/greet`);
 * ```
 */
export function firstStep(url: string, contracts: Iterable<TaskContract>): string {
  const known = [...contracts];
  const ordered = [
    ...known.filter(({ example }) => example !== undefined),
    ...known.filter(({ example }) => example === undefined),
  ];
  for (const contract of ordered) {
    const kwargs = exampleInput(contract);
    if (kwargs === undefined) continue;
    return [
      "curl",
      "-s",
      `${url}/v1/tasks/${contract.name}`,
      "-H 'content-type: application/json'",
      "-H 'prefer: wait=5'",
      `-d ${shellQuote(JSON.stringify({ kwargs }))}`,
    ].join(" ");
  }
  return `open ${url}/docs for the arguments of each task`;
}
