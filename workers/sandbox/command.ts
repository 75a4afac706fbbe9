/** How a child process is started. */
import { dirname, fromFileUrl, join } from "@std/path";
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
export async function childCommand(options: ChildOptions, folder?: string): Promise<Deno.Command> {
  const { handlersModule, contractsModule, heapMb, permissions } = options;
  const config = options.configFile ?? await nearestConfig(handlersModule) ??
    await nearestConfig(import.meta.url);
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

/** Deno looks for a configuration above a main module that is a file; ours is none. */
async function nearestConfig(module: string): Promise<string | undefined> {
  if (!module.startsWith("file:")) return undefined;
  let folder = dirname(fromFileUrl(module));
  while (true) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = join(folder, name);
      if (await isFile(path)) return path;
    }
    const above = dirname(folder);
    if (above === folder) return undefined;
    folder = above;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
