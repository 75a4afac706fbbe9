/** The import graph of an app, from `deno info`. Nothing is evaluated. */
import { fileURLToPath } from "node:url";
import { ConfigurationError } from "../../shared/errors.ts";

/** The fields of `deno info --json` that are used. */
interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly npmPackage?: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly npmPackage?: string;
      readonly isDynamic?: boolean;
    }[];
  }[];
  readonly redirects: Readonly<Record<string, string>>;
  readonly npmPackages?: Readonly<
    Record<string, { readonly dependencies: readonly string[]; readonly localPath: string }>
  >;
}

/** Modules and packages reachable from one entry. */
export class ModuleGraph {
  readonly #info: Info;
  readonly #modules: ReadonlyMap<string, Info["modules"][number]>;

  constructor(info: Info) {
    this.#info = info;
    this.#modules = new Map(info.modules.map((module) => [module.specifier, module]));
  }

  /** Reads the graph of a module.
   *
   * @param entry URL of the module
   * @param config path of the `deno.json` that resolves imports
   * @param environment environment of the Deno process, including its cache folder
   * @throws {ConfigurationError} if this process may not run Deno, or Deno cannot read the module */
  static async read(
    entry: string,
    { config, environment }: {
      readonly config: string | undefined;
      readonly environment: Readonly<Record<string, string>>;
    },
  ): Promise<ModuleGraph> {
    const flags = config === undefined ? [] : ["--config", config];
    try {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["info", "--json", ...flags, entry],
        cwd: "/",
        clearEnv: true,
        env: environment,
        stdin: "null",
      }).output();
      if (!success) throw new TypeError(new TextDecoder().decode(stderr).trim());
      return new ModuleGraph(JSON.parse(new TextDecoder().decode(stdout)));
    } catch (cause) {
      const denied = cause instanceof Deno.errors.NotCapable;
      throw new ConfigurationError(
        `Cannot read what module '${entry}' imports because ${
          denied ? "Deno may not be run" : (cause as Error).message
        }: ${denied ? `add --allow-run=${Deno.execPath()}` : "correct the module"}`,
        { cause },
      );
    }
  }

  /** The app's modules that a module imports statically, without packages. */
  imports(module: string): string[] {
    const { dependencies = [] } = this.#modules.get(this.#resolved(module)) ?? {};
    return dependencies
      .filter(({ isDynamic }) => !isDynamic)
      .flatMap(({ code }) => code?.specifier ?? [])
      .map((specifier) => this.#resolved(specifier))
      .filter((specifier) => /^(file|https?):/.test(specifier) && !packageFolder(specifier));
  }

  /** Folders of the npm packages that these modules import, directly or indirectly, also dynamically. Folders with a comma in their path are
   * omitted, because Deno separates paths by commas and would permit other folders. */
  packageFolders(modules: readonly string[]): string[] {
    const { npmPackages = {} } = this.#info;
    const folders = new Set<string>();
    const reached = new Set(modules.map((module) => this.#resolved(module)));
    const packages = new Set<string>();
    for (const specifier of reached) {
      const folder = packageFolder(specifier);
      if (folder !== undefined) folders.add(folder);
      const { npmPackage, dependencies = [] } = this.#modules.get(specifier) ?? {};
      if (npmPackage !== undefined) packages.add(npmPackage);
      for (const { code, npmPackage } of dependencies) {
        if (npmPackage !== undefined) packages.add(npmPackage);
        if (code?.specifier !== undefined) reached.add(this.#resolved(code.specifier));
      }
    }
    for (const name of packages) {
      const found = npmPackages[name];
      if (!found) continue;
      folders.add(found.localPath);
      for (const dependency of found.dependencies) packages.add(dependency);
    }
    return [...folders].filter((folder) => !folder.includes(",")).sort();
  }

  #resolved(specifier: string): string {
    return this.#info.redirects[specifier] ?? specifier;
  }
}

/** The `node_modules` folder that contains a module. */
function packageFolder(specifier: string): string | undefined {
  const end = specifier.startsWith("file:") ? specifier.indexOf("/node_modules/") : -1;
  return end < 0 ? undefined : fileURLToPath(specifier.slice(0, end + "/node_modules".length));
}
