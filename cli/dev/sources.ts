/** Finds the files of an app and watches them. */
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { pause } from "../../shared/runtime/waits.ts";

/** Kinds of events that mean that a file may have changed. */
const CHANGES: readonly Deno.FsEvent["kind"][] = ["create", "modify", "remove", "rename", "other"];

/** Milliseconds to wait after a change: an editor writes, renames and sets times. */
const SETTLE_MS = 100;

/** Returns the local files that modules import, the modules included, also those that are missing or broken.
 *
 * @param modules URLs of the modules
 * @param configFile the `deno.json` by which they resolve their imports, which is one of the files
 * @returns paths */
export async function sourcesOf(
  modules: readonly string[],
  configFile: string | undefined,
  signal: AbortSignal,
): Promise<Set<string>> {
  const root = modules.map((module) => `import ${JSON.stringify(module)};`).join("\n");
  const config = configFile === undefined ? [] : ["--config", configFile];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "info",
      "--quiet",
      "--json",
      ...config,
      `data:application/javascript,${encodeURIComponent(root)}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    detached: true,
    signal,
  }).output();
  const urls = [...modules, ...(configFile === undefined ? [] : [pathToFileURL(configFile).href])];
  return new Set([...urls, ...specifiers(stdout)].filter(isFile).map((url) => fileURLToPath(url)));
}

/** The files in `deno info --json`; none if it fails, such as for a broken `deno.json`. */
function specifiers(output: Uint8Array): string[] {
  try {
    const { modules = [] } = JSON.parse(new TextDecoder().decode(output));
    return modules.map(({ specifier }: { specifier: string }) => specifier);
  } catch {
    return [];
  }
}

function isFile(url: string): boolean {
  return url.startsWith("file:");
}

/** Watches the folders of files, because editors replace files instead of writing to them. */
export class SourceWatch implements Disposable {
  /** Resolves with the path of the first file that changes. */
  readonly changed: Promise<string>;
  readonly #watcher: Deno.FsWatcher;
  readonly #files: ReadonlySet<string>;

  /** @param files paths
   * @param since milliseconds since 1970: a file that was written later has changed already */
  constructor(files: ReadonlySet<string>, since: number) {
    this.#files = new Set([...files].map(realPath));
    const folders = new Set([...this.#files].map((file) => dirname(file)).filter(exists));
    this.#watcher = Deno.watchFs([...folders], { recursive: false });
    this.changed = this.#watch(since);
  }

  async #watch(since: number): Promise<string> {
    const now = Date.now();
    // A time in the future comes from another clock and is ignored.
    const early = [...this.#files].find((file) =>
      writtenAt(file) > since && writtenAt(file) <= now
    );
    const first = early ?? await this.#event();
    if (first === undefined) return await new Promise(() => {});
    await pause(SETTLE_MS);
    return first;
  }

  async #event(): Promise<string | undefined> {
    for await (const { kind, paths } of this.#watcher) {
      if (!CHANGES.includes(kind)) continue;
      const path = paths.find((one) => this.#files.has(one));
      if (path !== undefined) return path;
    }
    return undefined;
  }

  /** Ends the watch; `changed` stays pending. */
  [Symbol.dispose](): void {
    try {
      this.#watcher.close();
    } catch (error) {
      // The loop over its events has closed it.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

function exists(path: string): boolean {
  return writtenAt(path) > -Infinity;
}

function writtenAt(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? -Infinity;
  } catch {
    return -Infinity;
  }
}
