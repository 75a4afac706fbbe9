/** The answer of `/` to programs: tasks and links. */
import type { Registry } from "../../shared/contracts/registry.ts";

/** Path -> what is there. */
export const LINKS = {
  "/docs": "Reference: every task and route, with commands to paste",
  "/openapi.json": "OpenAPI 3.1 document",
  "/v1/tasks": "Newest records as JSON",
  "/readyz": "Whether tasks can be accepted",
  "/livez": "Whether the process is alive",
  "/metrics": "Metrics for Prometheus",
};

/** Names of all tasks. */
export function namesOf(registry: Registry): string[] {
  return Array.from(registry, ({ name }) => name).sort();
}

/** The tasks and links of an API. */
export function indexBody(registry: Registry, version: string) {
  return { name: "Celeriac", version, tasks: namesOf(registry), links: links() };
}

function links(): Record<string, string> {
  const paths = Object.keys(LINKS);
  const name = (path: string) => path.slice(path.lastIndexOf("/") + 1).replace(/\..*/, "");
  return Object.fromEntries(paths.map((path) => [name(path), path]));
}
