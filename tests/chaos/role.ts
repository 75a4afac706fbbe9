/** A role of the system under test, restarted as by an orchestrator.
 * @module
 */
import type { Process } from "../support/process.ts";

/** A started process and the name in its ready line. */
export interface Started {
  readonly process: Process;
  /** A worker's node name, an API's URL. */
  readonly name: string;
}

/** A role that can be restarted in a new process. */
export class Role implements AsyncDisposable {
  readonly #start: (flags: readonly string[]) => Promise<Started>;
  readonly #said: string[] = [];
  #started: Started | undefined;

  /** @param start takes flags of `deno run` */
  constructor(start: (flags: readonly string[]) => Promise<Started>) {
    this.#start = start;
  }

  /** Name of the current process. */
  get name(): string {
    return this.#started?.name ?? "";
  }

  get running(): boolean {
    return this.#started?.process.running ?? false;
  }

  /** The last output of each of its processes. */
  get output(): string {
    return [...this.#said, this.#started?.process.output.slice(-3000) ?? ""].join("\n--\n");
  }

  /** Starts a process; resolves when it is ready.
   *
   * @param flags of `deno run`, besides its permissions */
  async start(flags: readonly string[] = []): Promise<void> {
    await this.#end();
    this.#started = await this.#start(flags);
  }

  /** Kills the process. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#started?.process.status;
  }

  /** Stops the process gracefully and waits until it exits.
   *
   * @returns its exit code */
  async drain(): Promise<number> {
    this.signal("SIGTERM");
    return (await this.#started?.process.exit({ timeoutMs: 60_000 }))?.code ?? -1;
  }

  signal(signal: Deno.Signal): void {
    this.#started?.process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #end(): Promise<void> {
    if (!this.#started) return;
    this.#said.push(this.#started.process.output.slice(-3000));
    await this.#started.process[Symbol.asyncDispose]();
    this.#started = undefined;
  }
}
