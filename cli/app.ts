/** The app that a role works for: its contracts and handlers. */
import { ConfigurationError } from "../shared/errors.ts";
import { importModule, moduleUrl } from "../shared/modules.ts";
import { Registry } from "../shared/registry.ts";
import { type CodeSchedule, schedulesOf } from "../shared/schedule.ts";
import { type Config, type Role, SETTINGS } from "../shared/settings.ts";
import { Handlers } from "../workers/handlers.ts";

/** The sample app: what `dev` runs when no modules are named, and other roles with `--sample`. */
const SAMPLE: Modules = {
  contracts: import.meta.resolve("../shared/tasks/mod.ts"),
  handlers: import.meta.resolve("../workers/tasks/mod.ts"),
};

/** URLs of an app's two modules. */
export interface Modules {
  readonly contracts: string;
  readonly handlers: string;
}

/** The app that the settings name.
 *
 * @throws {ConfigurationError} when they name none, or one of two modules that the role needs */
export function modulesOf(config: Config, role: Role): Modules {
  const { contracts, handlers } = config;
  const needed = SETTINGS.handlers.roles.includes(role) ? { contracts, handlers } : { contracts };
  const missing = Object.entries(needed).filter(([, module]) => !module).map(([kind]) => kind);
  const none = missing.length === Object.keys(needed).length;
  if (none && (config.sample || role === "dev")) return SAMPLE;
  if (missing.length > 0) throw noModule(missing, none);
  const url = (module = "") => moduleUrl(module, Deno.cwd());
  return { contracts: url(contracts), handlers: url(handlers) };
}

/** Loads the contracts.
 *
 * @throws {ConfigurationError} when the module cannot be loaded or exports none */
export async function loadRegistry(modules: Modules): Promise<Registry> {
  return Registry.fromModule(await contractsModule(modules), modules.contracts);
}

/** Loads the schedules that the contracts module defines.
 *
 * @throws {ConfigurationError} when the module cannot be loaded */
export async function loadSchedules(modules: Modules): Promise<CodeSchedule[]> {
  return schedulesOf(await contractsModule(modules));
}

/** Loads the handlers.
 *
 * @throws {ConfigurationError} when the module cannot be loaded or exports none */
export async function loadHandlers(modules: Modules, registry: Registry): Promise<Handlers> {
  const { handlers } = modules;
  const module = handlers === SAMPLE.handlers
    ? await import("../workers/tasks/mod.ts")
    : await importModule(handlers, "handlers");
  return Handlers.fromModule(module, handlers, registry);
}

async function contractsModule({ contracts }: Modules): Promise<Record<string, unknown>> {
  return contracts === SAMPLE.contracts
    ? await import("../shared/tasks/mod.ts")
    : await importModule(contracts, "contracts");
}

function noModule(missing: readonly string[], none: boolean): ConfigurationError {
  const what = missing.join(" and ");
  const variables = missing.map((kind) => `CELERIAC_${kind.toUpperCase()}`).join(" and ");
  const flags = missing.map((kind) => `--${kind}=./${kind}.ts`).join(" and ");
  const sample = none ? " (--sample runs the sample app)" : "";
  return new ConfigurationError(
    `Cannot load the app because no module of ${what} is named: set ${variables}, or give ${flags}${sample}`,
  );
}
