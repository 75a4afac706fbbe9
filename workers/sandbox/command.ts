/** How a child process is started. */
import { configFileOf } from "../../shared/config_file.ts";
import { childModule } from "./child.ts";
import type { Permissions } from "../../shared/permissions.ts";
import { childEnvironment, childFlags } from "./permissions.ts";

/** What a child runs, and how much heap it has. */
export interface ChildOptions {
  readonly handlersModule: string;
  readonly contractsModule: string;
  /** Path of the `deno.json` by which the two modules resolve their imports. Default: the nearest one above the handlers, else ours. */
  readonly configFile?: string;
  /** MiB of JavaScript heap. */
  readonly heapMb: number;
  readonly permissions: Permissions;
}

/** Makes the command that starts a child with its three standard streams piped.
 *
 * @param folder its working directory; without one it is `/`, which it may not read */
export function childCommand(options: ChildOptions, folder?: string): Deno.Command {
  const { handlersModule, contractsModule, heapMb, permissions } = options;
  // Deno looks for a configuration above a main module that is a file; ours is none.
  const config = options.configFile ?? configFileOf(handlersModule) ??
    configFileOf(import.meta.url);
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      ...childFlags(permissions, folder),
      ...(config === undefined ? [] : ["--config", config]),
      `--v8-flags=--max-old-space-size=${heapMb}`,
      childModule(contractsModule, handlersModule),
    ],
    cwd: folder ?? "/",
    clearEnv: true,
    env: childEnvironment(permissions),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}
