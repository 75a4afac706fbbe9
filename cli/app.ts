/** The app of a role: its contracts and handlers. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigurationError } from "../shared/errors.ts";
import { importModule, moduleUrl } from "../shared/contracts/modules.ts";
import { Registry } from "../shared/contracts/registry.ts";
import { type CodeSchedule, schedulesOf } from "../shared/schedules/schedule.ts";
import { EventContracts } from "../shared/events/event_contracts.ts";
import { type CloudEventListener, listenersOf } from "../shared/events/cloud_event_listener.ts";
import { type EventSubscription, subscriptionsOf } from "../shared/events/subscription.ts";
import { type Config, type Role, SETTINGS } from "../shared/config/settings.ts";
import { deniedAtLoad } from "../workers/running/permission_denial.ts";
import { Handlers } from "../workers/handlers.ts";
import { tolerateUndeclaredVariables } from "../workers/sandbox/child/package_environment.ts";

/** The sample app: the default of `dev`, and of other roles with `--sample`. */
const SAMPLE: Modules = {
  contracts: import.meta.resolve("../shared/tasks/mod.ts"),
  handlers: import.meta.resolve("../workers/tasks/mod.ts"),
};

/** URLs of an app's two modules. */
export interface Modules {
  readonly contracts: string;
  readonly handlers: string;
}

/** The app that the settings name; otherwise `contracts.ts` and `handlers.ts` of the working directory.
 *
 * @throws {ConfigurationError} when there is none, or one of two required modules is not named */
export function modulesOf(config: Config, role: Role): Modules {
  const { contracts, handlers } = config;
  const needed = SETTINGS.handlers.roles.includes(role) ? { contracts, handlers } : { contracts };
  const missing = Object.entries(needed).filter(([, module]) => !module).map(([kind]) => kind);
  const none = missing.length === Object.keys(needed).length;
  if (none) {
    const found = config.sample ? undefined : appOf(Deno.cwd());
    if (found) return found;
    if (config.sample || role === "dev") return SAMPLE;
  }
  if (missing.length > 0) throw noModule(missing, none);
  const url = (module = "") => moduleUrl(module, Deno.cwd());
  return { contracts: url(contracts), handlers: url(handlers) };
}

/** Loads the contracts.
 *
 * @throws {ConfigurationError} when the module cannot be loaded or has no such export */
export async function loadRegistry(modules: Modules): Promise<Registry> {
  return Registry.fromModule(await contractsModule(modules), modules.contracts);
}

/** Loads the schedules that the contracts module defines.
 *
 * @throws {ConfigurationError} when the module cannot be loaded */
export async function loadSchedules(modules: Modules): Promise<CodeSchedule[]> {
  return schedulesOf(await contractsModule(modules));
}

/** Loads the events that the contracts module defines, and the subscriptions to them.
 *
 * @throws {ConfigurationError} when the module cannot be loaded, or its contracts contradict each other */
export async function loadEvents(
  modules: Modules,
): Promise<{ events: EventContracts; subscriptions: EventSubscription[] }> {
  const module = await contractsModule(modules);
  return { events: EventContracts.fromModule(module), subscriptions: subscriptionsOf(module) };
}

/** Loads the handlers.
 *
 * @throws {ConfigurationError} when the module cannot be loaded or has no such export */
export async function loadHandlers(modules: Modules, registry: Registry): Promise<Handlers> {
  return Handlers.fromModule(await handlersModule(modules), modules.handlers, registry);
}

/** Loads the functions of `onEach()` that the handlers module exports. */
export async function loadListeners(modules: Modules): Promise<CloudEventListener[]> {
  return listenersOf(await handlersModule(modules));
}

async function handlersModule({ handlers }: Modules): Promise<Record<string, unknown>> {
  tolerateUndeclaredVariables();
  return handlers === SAMPLE.handlers
    ? await import("../workers/tasks/mod.ts")
    : await importModule(handlers, "handlers").catch((error) => {
      throw deniedAtLoad(error, `handlers module '${handlers}'`) ?? error;
    });
}

async function contractsModule({ contracts }: Modules): Promise<Record<string, unknown>> {
  tolerateUndeclaredVariables();
  return contracts === SAMPLE.contracts
    ? await import("../shared/tasks/mod.ts")
    : await importModule(contracts, "contracts");
}

/** The app in a folder that contains both modules, if this process may read it. */
function appOf(folder: string): Modules | undefined {
  const contracts = join(folder, "contracts.ts");
  const handlers = join(folder, "handlers.ts");
  try {
    if (![contracts, handlers].every((path) => Deno.statSync(path).isFile)) return undefined;
  } catch {
    return undefined;
  }
  return { contracts: pathToFileURL(contracts).href, handlers: pathToFileURL(handlers).href };
}

function noModule(missing: readonly string[], none: boolean): ConfigurationError {
  const what = missing.join(" and ");
  const variables = missing.map((kind) => `CELERIAC_${kind.toUpperCase()}`).join(" and ");
  const flags = missing.map((kind) => `--${kind}=./${kind}.ts`).join(" and ");
  const sample = none
    ? ", or start in a folder that holds contracts.ts and handlers.ts (--sample runs the sample app)"
    : "";
  return new ConfigurationError(
    `Cannot load the app because no module of ${what} is named: set ${variables}, or give ${flags}${sample}`,
  );
}
