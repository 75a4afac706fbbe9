/** Finds the `deno.json` that resolves a module's imports. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Returns the path of the nearest `deno.json` or `deno.jsonc` at or above a module.
 *
 * @param module its URL
 * @returns `undefined` for a module that is not a file, and if there is none
 *
 * @example
 * ```ts
 * import { configFileOf } from "./config_file.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(configFileOf("https://example.com/app/contracts.ts"), undefined);
 * ```
 */
export function configFileOf(module: string): string | undefined {
  if (!module.startsWith("file:")) return undefined;
  let folder = dirname(fileURLToPath(module));
  while (true) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = join(folder, name);
      if (isFile(path)) return path;
    }
    const above = dirname(folder);
    if (above === folder) return undefined;
    folder = above;
  }
}

/** Whether the file exists and this process may read it. */
function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
