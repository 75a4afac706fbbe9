/** `dev` for someone who edits the app: the app runs in a child process with exactly the permissions it needs, and a
 * change to its modules replaces that process.
 *
 * A version is checked before the one that runs is stopped: a process with the same permissions loads the modules. If
 * that fails, it has said why, and the version that runs keeps running. Only one process at a time opens the database.
 * @module
 */
import { relative } from "node:path";
import type { Config } from "../../shared/config/settings.ts";
import { modulesOf } from "../app.ts";
import { EXIT } from "../exit.ts";
import { appConfigFile } from "../launch/app_config.ts";
import { denoArguments, permissionsOf, runDeno } from "../launch/command_line.ts";
import { Launched, type StopTimes } from "../launch/launched.ts";
import { SignalRelay } from "../launch/signals.ts";
import { sourcesOf, SourceWatch } from "./sources.ts";

/** Seconds that running tasks get at a reload: a reload must be fast, so longer tasks are requeued. */
const RELOAD: StopTimes = { drainMs: 3_000, hurryMs: 10_000 };

/** Runs `dev` in a child process until it ends or a signal stops it.
 *
 * @param args flags of `dev`
 * @returns its exit code; at the first start also that of a version that cannot be loaded */
export async function runReloading(config: Config, args: readonly string[]): Promise<number> {
  return await new Reloader(config, args).run();
}

class Reloader {
  readonly #config: Config;
  readonly #modules: readonly string[];
  readonly #configFile: string | undefined;
  readonly #command: readonly string[];
  #child: Launched | undefined;

  constructor(config: Config, args: readonly string[]) {
    this.#config = config;
    const { contracts, handlers } = modulesOf(config, "dev");
    this.#modules = [contracts, handlers];
    this.#configFile = appConfigFile(contracts);
    this.#command = ["dev", ...args];
  }

  async run(): Promise<number> {
    using signals = new SignalRelay();
    const { stopping } = signals;
    const command = [...this.#command, ...fixedPort(this.#config)];
    let files: ReadonlySet<string> = new Set<string>();
    let again: readonly string[] = [];
    while (true) {
      const since = Date.now();
      const read = await sourcesOf(this.#modules, this.#configFile, stopping);
      if (stopping.aborted) return await this.#ended();
      // A version that cannot be read names fewer files than it has.
      files = new Set([...read, ...(this.#child ? files : [])]);
      using watch = new SourceWatch(files, since);
      const current = [...command, ...again];
      const checked = await this.#check(current, watch, stopping);
      if (stopping.aborted) return await this.#ended();
      if (checked === "changed") continue;
      if (checked.code === 0) {
        await this.#child?.stop(RELOAD);
        if (stopping.aborted) return EXIT.done;
        this.#child = new Launched(denoArguments(checked.flags, this.#configFile, current));
        signals.target = this.#child;
        again = this.#config.reset ? ["--reset=0"] : [];
      } else if (this.#child) {
        console.error(
          "celeriac: The version that was loaded last keeps running: save to try again",
        );
      } else return checked.code;
      const event = await Promise.race([watch.changed, this.#child.ended]);
      if (typeof event === "number") return event;
      console.error(`celeriac: ${relative(Deno.cwd(), event)} has changed: loading it`);
    }
  }

  /** Loads a version in a process of its own, unless the files change meanwhile. */
  async #check(
    command: readonly string[],
    watch: SourceWatch,
    stopping: AbortSignal,
  ): Promise<{ code: number; flags: readonly string[] } | "changed"> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, stopping]);
    const configFile = this.#configFile;
    const load = async () => {
      const { code, flags } = await permissionsOf(command, configFile, signal);
      if (code !== 0) return { code, flags };
      const args = denoArguments(flags, configFile, [...command, "--check"]);
      return { code: (await runDeno(args, signal)).code, flags };
    };
    const first = await Promise.race([load(), watch.changed]);
    over.abort();
    return typeof first === "string" ? "changed" : first;
  }

  /** Waits for the child, which has got the signal too. */
  async #ended(): Promise<number> {
    return await this.#child?.ended ?? EXIT.done;
  }
}

/** Chooses a free port once, so that reloads keep it, if this process may listen. */
function fixedPort({ host, port }: Config): string[] {
  if (port !== 0) return [];
  if (Deno.permissions.querySync({ name: "net", host: `${host}:0` }).state !== "granted") return [];
  using listener = Deno.listen({ hostname: host, port: 0 });
  return [`--port=${listener.addr.port}`];
}
