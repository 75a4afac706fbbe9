/** How a child process is started. */
import { configFileOf } from "../../shared/config/config_file.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import type { Permissions } from "../../shared/contracts/permissions.ts";
import { childModule } from "./child/child.ts";
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

/** Starts a child with its three standard streams piped. Deno looks for a configuration above a
 * main module that is a file; this one is none, so it is named.
 *
 * @param folder its working directory; without one it is `/`, which it may not read
 * @throws {ConfigurationError} when this process may not run Deno */
export async function startChild(
  options: ChildOptions,
  folder?: string,
): Promise<Deno.ChildProcess> {
  const { modules, heapMb, permissions } = options;
  const { urls, packages, config = configFileOf(import.meta.url) } = await modules();
  const path = Deno.execPath();
  const command = new Deno.Command(path, {
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
  try {
    return command.spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new ConfigurationError(
      `Cannot start a child process because '${path}' may not be run: add --allow-run=${path}`,
      { cause },
    );
  }
}
