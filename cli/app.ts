/** The app that a role works for: its contracts and handlers. */
import { importModule, moduleUrl } from "../shared/modules.ts";
import { Registry } from "../shared/registry.ts";
import { type CodeSchedule, schedulesOf } from "../shared/schedule.ts";
import type { Config } from "../shared/settings.ts";
import { Handlers } from "../workers/handlers.ts";

/** The sample app: what runs when no modules are named. */
const SAMPLE = {
  contracts: import.meta.resolve("../shared/tasks/mod.ts"),
  handlers: import.meta.resolve("../workers/tasks/mod.ts"),
};

/** URLs of the app's two modules. */
export function modulesOf(config: Config): { contracts: string; handlers: string } {
  return {
    contracts: config.contracts ? moduleUrl(config.contracts, Deno.cwd()) : SAMPLE.contracts,
    handlers: config.handlers ? moduleUrl(config.handlers, Deno.cwd()) : SAMPLE.handlers,
  };
}

/** Loads the contracts.
 *
 * @throws {ConfigurationError} when the module cannot be loaded or exports none */
export async function loadRegistry(config: Config): Promise<Registry> {
  return Registry.fromModule(await contractsModule(config), modulesOf(config).contracts);
}

/** Loads the schedules that the contracts module defines.
 *
 * @throws {ConfigurationError} when the module cannot be loaded */
export async function loadSchedules(config: Config): Promise<CodeSchedule[]> {
  return schedulesOf(await contractsModule(config));
}

async function contractsModule(config: Config): Promise<Record<string, unknown>> {
  const { contracts } = modulesOf(config);
  return contracts === SAMPLE.contracts
    ? await import("../shared/tasks/mod.ts")
    : await importModule(contracts, "contracts");
}

/** Loads the handlers.
 *
 * @throws {ConfigurationError} when the module cannot be loaded or exports none */
export async function loadHandlers(config: Config, registry: Registry): Promise<Handlers> {
  const { handlers } = modulesOf(config);
  const module = handlers === SAMPLE.handlers
    ? await import("../workers/tasks/mod.ts")
    : await importModule(handlers, "handlers");
  return Handlers.fromModule(module, handlers, registry);
}
