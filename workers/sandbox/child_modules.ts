/** Selects the app's modules that a child process loads: only those whose handlers it runs.
 *
 * The top level of a module runs with the permissions of its process. A child that loaded the whole app could fail because the module of
 * another handler accesses something there. */
import { configFileOf } from "../../shared/config/config_file.ts";
import type { Permissions } from "../../shared/contracts/permissions.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { type Handler, isHandler } from "../handlers.ts";
import { ModuleGraph } from "./module_graph.ts";
import { childEnvironment } from "./permissions.ts";

/** The modules that a child loads. */
export interface LoadedModules {
  /** URLs of modules that export handlers. */
  readonly urls: readonly string[];
  /** Path of the `deno.json` that resolves their imports. Default: that of this package. */
  readonly config?: string | undefined;
  /** Folders of the npm packages that they import. */
  readonly packages: readonly string[];
}

type Exports = Readonly<Record<string, unknown>>;

/** The modules of one app. */
export class ChildModules {
  readonly #entry: string;
  readonly #handlers: ReadonlyMap<string, Handler>;
  #graph: Promise<ModuleGraph> | undefined;

  /** @param entry URL of the handlers module
   * @param handlers what it exports */
  constructor(entry: string, handlers: Iterable<Handler> = []) {
    this.#entry = entry;
    this.#handlers = new Map(Array.from(handlers, (one) => [one.contract.name, one]));
  }

  /** Modules of a child that runs these tasks. */
  async of(contracts: readonly TaskContract[]): Promise<LoadedModules> {
    const config = configFileOf(this.#entry);
    const graph = await (this.#graph ??= ModuleGraph.read(this.#entry, {
      config,
      environment: childEnvironment(),
    }));
    const urls = new Set<string>();
    for (const { name } of contracts) {
      const handler = this.#handlers.get(name);
      if (handler) urls.add(await homeOf(handler, this.#entry, graph));
    }
    if (urls.size === 0) urls.add(this.#entry);
    return { urls: [...urls], config, packages: graph.packageFolders([...urls]) };
  }
}

/** The module to import a handler from: on the path from `module` to the handler's own module, the first whose handlers all have the same
 * permissions. */
async function homeOf(
  handler: Handler,
  module: string,
  graph: ModuleGraph,
  seen: Set<string> = new Set(),
): Promise<string> {
  seen.add(module);
  const key = permissionsKey(handler.contract);
  const all = handlersOf(await exportsOf(module));
  if (all.every(({ contract }) => permissionsKey(contract) === key)) return module;
  for (const next of graph.imports(module)) {
    if (seen.has(next)) continue;
    if (handlersOf(await exportsOf(next)).includes(handler)) {
      return await homeOf(handler, next, graph, seen);
    }
  }
  return module;
}

function permissionsKey({ run, permissions }: TaskContract): string {
  return run === "process" ? JSON.stringify(permissions satisfies Permissions) : run;
}

function handlersOf(exports: Exports): Handler[] {
  return Object.values(exports).flat().filter(isHandler);
}

/** Exports of a module. The app is already loaded, so nothing is evaluated again. A module that may not be imported counts as empty. */
async function exportsOf(module: string): Promise<Exports> {
  try {
    return await import(module);
  } catch {
    return {};
  }
}
