/** Folders of an app and of the packages that it may read. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { configFileOf } from "../../shared/config/config_file.ts";
import type { Config } from "../../shared/config/settings.ts";
import type { Modules } from "../app.ts";

/** Folders of both modules. */
export function appFolders({ contracts, handlers }: Modules): string[] {
  return [...appFolder(contracts), ...appFolder(handlers)];
}

/** Where a module's `deno.json` is, which child processes are started with; otherwise the module's own folder. */
export function appFolder(url: string): string[] {
  if (!url.startsWith("file:")) return [];
  return [dirname(configFileOf(url) ?? fileURLToPath(url))];
}

/** Where npm packages lie, if inline handlers of an app may import some: packages read their own fonts and WebAssembly. */
export function packages(config: Config): string[] {
  if (!config.handlers) return [];
  const url = import.meta.resolve("zod");
  const layouts = [
    /^(.*\/node_modules)\/\.deno\//,
    /^(.*\/node_modules)\/zod\//,
    /^(.*\/npm)\/[^/]+\/zod\//,
  ];
  const found = layouts.map((layout) => layout.exec(url)?.[1]).find((one) => one !== undefined);
  return found === undefined ? [] : [fileURLToPath(found)];
}

/** PGlite reads its WebAssembly from the package's own folder. */
export function pglite(): string[] {
  return [dirname(fileURLToPath(import.meta.resolve("@electric-sql/pglite")))];
}
