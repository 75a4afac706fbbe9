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
 * @param origin of the API
 * @param secured whether requests need credentials */
export function taskCommand(registry: Registry, origin: string, secured: boolean): string {
  const { name, kwargs } = firstExample(registry);
  return curlLine(`${origin}/v1/tasks/${name}`, { kwargs }, secured);
}

/** A command that submits a workflow: two tasks, one after the other. */
export function workflowCommand(registry: Registry, origin: string, secured: boolean): string {
  const example = firstExample(registry);
  const chain = [example, { ...example, immutable: true }];
  return curlLine(`${origin}/v1/workflows`, { chain }, secured);
}
