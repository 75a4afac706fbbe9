/** The configuration file that a child process is started with. */
import { fileURLToPath, pathToFileURL } from "node:url";
import { configFileOf } from "../../shared/config/config_file.ts";
import { moduleUrl } from "../../shared/contracts/modules.ts";

/** Returns the `deno.json` of the app, so that its `imports` hold for its modules.
 *
 * @param contracts path or URL of the contracts module. Default: the app is in the working directory
 * @returns `undefined` when the file cannot serve this program as well: its modules are files of a checkout that the file
 * does not link. Deno then looks above the program, as it does without `--config` */
export function appConfigFile(contracts: string | undefined): string | undefined {
  const folder = pathToFileURL(`${Deno.cwd()}/`).href;
  const module = contracts === undefined ? folder : moduleUrl(contracts, Deno.cwd());
  const file = configFileOf(module);
  const own = configFileOf(import.meta.url);
  if (file === undefined || own === undefined || file === own) return file;
  return /"(links|workspace)"/.test(Deno.readTextFileSync(file)) ? file : undefined;
}

/** The folder of the checkout that this program runs from; `undefined` when it is installed from a registry. */
export function checkoutFolder(): string | undefined {
  const root = import.meta.resolve("../../");
  return root.startsWith("file:") ? fileURLToPath(root) : undefined;
}
