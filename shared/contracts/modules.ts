/** Loads the two modules of an app: its contracts and its handlers. */
import { isAbsolute } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { codeFrame } from "./code_frame.ts";
import { ConfigurationError } from "../errors.ts";

/** Turns a path (from the working directory) or URL into a module URL. */
export function moduleUrl(specifier: string, workingDirectory: string): string {
  if (/^(file|https?|data|npm|jsr|node):/.test(specifier)) return specifier;
  if (isAbsolute(specifier)) return pathToFileURL(specifier).href;
  return new URL(specifier, `${pathToFileURL(workingDirectory).href}/`).href;
}

/** Imports a module of the app.
 *
 * @throws {ConfigurationError} with the setting that names the module, the reason, and the file, line and column of the
 * error if it has one */
export async function importModule(
  url: string,
  setting: "contracts" | "handlers",
): Promise<Record<string, unknown>> {
  try {
    return await import(url);
  } catch (cause) {
    const frame = codeFrame(cause);
    const place = frame ? `\n${frame}` : "";
    if (cause instanceof ConfigurationError) {
      throw new ConfigurationError(`${cause.message}${place}`, { cause });
    }
    const [why] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new ConfigurationError(
      `Cannot load ${setting} module '${shown(url)}' because ${
        why?.replace(/\.$/, "")
      }: fix the module or --${setting}${place}`,
      { cause },
    );
  }
}

/** A path is easier to read than its URL, where spaces are `%20`. */
function shown(url: string): string {
  return url.startsWith("file:") ? fileURLToPath(url) : url;
}
