/** Starts child processes. */
import { configFileOf } from "../../shared/config/config_file.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import type { Permissions } from "../../shared/contracts/permissions.ts";
import { childModule } from "./child/child.ts";
import type { LoadedModules } from "./child_modules.ts";
import { childEnvironment, childFlags } from "./permissions.ts";

/** Options of a child process. */
export interface ChildOptions {
  /** The modules to load. */
  modules(): Promise<LoadedModules>;
  /** MiB of JavaScript heap. */
  readonly heapMb: number;
  readonly permissions: Permissions;
}

/** Starts a child with piped standard streams. The configuration is passed explicitly, because Deno finds it only for a main module that is
 * a file.
 *
 * @param folder working directory; default `/`, which the child may not read
 * @throws {ConfigurationError} if this process may not run Deno */
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
