/** How a child process is started. */
import { configFileOf } from "../../shared/config_file.ts";
import type { Permissions } from "../../shared/permissions.ts";
import { childModule } from "./child.ts";
import type { LoadedModules } from "./child_modules.ts";
import { childEnvironment, childFlags } from "./permissions.ts";

/** What a child runs, and how much heap it has. */
export interface ChildOptions {
  /** What it loads. */
  modules(): Promise<LoadedModules>;
  /** MiB of JavaScript heap. */
  readonly heapMb: number;
  readonly permissions: Permissions;
}

/** Makes the command that starts a child with its three standard streams piped. Deno looks for a configuration above a
 * main module that is a file; this one is none, so it is named.
 *
 * @param folder its working directory; without one it is `/`, which it may not read */
export async function childCommand(options: ChildOptions, folder?: string): Promise<Deno.Command> {
  const { modules, heapMb, permissions } = options;
  const { urls, packages, config = configFileOf(import.meta.url) } = await modules();
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      ...childFlags(permissions, { folder, packages }),
      ...(config === undefined ? [] : ["--config", config]),
      `--v8-flags=--max-old-space-size=${heapMb}`,
      childModule(urls),
    ],
    cwd: folder ?? "/",
    clearEnv: true,
    env: childEnvironment(permissions.env, folder),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}
