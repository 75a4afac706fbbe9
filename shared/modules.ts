/** Loading the two modules of an app: its contracts and its handlers. */
import { isAbsolute, toFileUrl } from "@std/path";
import { ConfigurationError } from "./errors.ts";

/** Turns a path (from the working directory) or URL into a module URL. */
export function moduleUrl(specifier: string, workingDirectory: string): string {
  if (/^(file|https?|data|npm|jsr|node):/.test(specifier)) return specifier;
  if (isAbsolute(specifier)) return toFileUrl(specifier).href;
  return new URL(specifier, `${toFileUrl(workingDirectory).href}/`).href;
}

/** Imports a module of the app.
 *
 * @throws {ConfigurationError} saying which setting named it and why it cannot be loaded */
export async function importModule(
  url: string,
  setting: "contracts" | "handlers",
): Promise<Record<string, unknown>> {
  try {
    return await import(url);
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    const why = (cause as Error).message?.split("\n")[0] ?? String(cause);
    throw new ConfigurationError(
      `Cannot load ${setting} module '${url}' as ${why}: mend the module or --${setting}`,
      { cause },
    );
  }
}
