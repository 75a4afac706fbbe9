/** Commands to paste, for pages without entries. */
import { exampleInput } from "../../shared/contracts/example_input.ts";
import type { Registry } from "../../shared/contracts/registry.ts";
import { curlLine } from "../openapi/page.ts";

interface Example {
  readonly name: string;
  readonly kwargs: Record<string, unknown>;
}

/** The first task of the app for which an example can be made. */
function firstExample(registry: Registry): Example {
  for (const contract of registry) {
    const kwargs = exampleInput(contract);
    if (kwargs) return { name: contract.name, kwargs };
  }
  return { name: "NAME", kwargs: {} };
}

/** A command that submits a task.
 *
 * @param base origin of the API and path below which it is published
 * @param secured whether requests need credentials */
export function taskCommand(registry: Registry, base: string, secured: boolean): string {
  const { name, kwargs } = firstExample(registry);
  return curlLine(`${base}/v1/tasks/${name}`, { kwargs }, secured);
}

/** A command that submits a workflow: two tasks, one after the other. Its parameters are those of {@linkcode taskCommand}. */
export function workflowCommand(registry: Registry, base: string, secured: boolean): string {
  const example = firstExample(registry);
  const chain = [example, { ...example, immutable: true }];
  return curlLine(`${base}/v1/workflows`, { chain }, secured);
}
