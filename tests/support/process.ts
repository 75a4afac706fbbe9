/** Child processes for tests: start, wait for output, signal by process id, and keep the output.
 * @module
 */

/** Options of a program. */
export interface ProcessOptions {
  /** Variables added to those of this process; with `clearEnv` the only variables. */
  env?: Record<string, string>;
  /** Starts with an empty environment; default false. */
  clearEnv?: boolean;
  cwd?: string;
  /** User and group to run as; only root may choose. */
  user?: { uid: number; gid: number };
  /** Starts a new process group: Ctrl-C does not reach it, and {@linkcode Process.killGroup} also reaches its children. Default false. */
  ownGroup?: boolean;
  /** Writes to this terminal instead of keeping the output; default false. */
  inherit?: boolean;
}

/** More than the graph of all modules, as JSON. */
const keptCharacters = 16_000_000;

/** Timeout in milliseconds, long enough for a loaded machine. */
const PATIENCE_MS = 120_000;

/** For debugging: shows the output of processes immediately. */
const echo = Deno.env.get("CELERIAC_TEST_ECHO") === "1";

function kept(text: string): string {
  return text.slice(-keptCharacters);
}

/** A running program and its output. Disposing kills it. */
export class Process implements AsyncDisposable {
  readonly pid: number;
  /** Exit status; never rejects. */
  readonly status: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #name: string;
  readonly #listeners = new Set<() => void>();
  readonly #ended: Promise<void>;
  readonly #ownGroup: boolean;
  readonly #closing = new AbortController();
  #output = "";
  #stdout = "";
  #running = true;
  #over = false;

  private constructor(child: Deno.ChildProcess, name: string, options: ProcessOptions) {
    const { inherit = false, ownGroup = false } = options;
    this.#child = child;
    this.#name = name;
    this.#ownGroup = ownGroup;
    this.pid = child.pid;
    const streams = inherit ? [] : [
      this.#keep(child.stdout, (text) => this.#stdout = kept(this.#stdout + text)),
      this.#keep(child.stderr),
    ];
    this.status = child.status.then((status) => {
      this.#running = false;
      return status;
    });
    this.#ended = Promise.all([...streams, this.status]).then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  /** Starts a program.
   *
   * @throws {Deno.errors.NotFound} if the program does not exist */
  static start(program: string, args: readonly string[], options: ProcessOptions = {}): Process {
    const { env = {}, clearEnv = false, cwd, user, ownGroup = false, inherit = false } = options;
    const child = new Deno.Command(program, {
      args: [...args],
      env,
      clearEnv,
      detached: ownGroup,
      stdin: "null",
      stdout: inherit ? "inherit" : "piped",
      stderr: inherit ? "inherit" : "piped",
      ...(cwd === undefined ? {} : { cwd }),
      ...(user ?? {}),
    }).spawn();
    return new Process(child, [program, ...args].join(" "), options);
  }

  /** Standard output and standard error, in order of arrival. */
  get output(): string {
    return this.#output;
  }

  /** Standard output only. */
  get stdout(): string {
    return this.#stdout;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Waits until the output matches.
   *
   * @param options.timeoutMs default 120,000
   * @throws if it exits first or on timeout; the message contains the output */
  async said(pattern: RegExp, options: { timeoutMs?: number } = {}): Promise<RegExpExecArray> {
    const { timeoutMs = PATIENCE_MS } = options;
    const deadline = Date.now() + timeoutMs;
    while (true) {
      const match = pattern.exec(this.#output);
      if (match) return match;
      if (this.#over) throw this.#error(`ended without saying ${pattern}`);
      if (!await this.#more(deadline - Date.now())) {
        throw this.#error(`did not say ${pattern} within ${timeoutMs} ms`);
      }
    }
  }

  /** Waits until it has exited and all output is read.
   *
   * @param options.timeoutMs default 120,000
   * @throws if it is still running then */
  async exit(options: { timeoutMs?: number } = {}): Promise<Deno.CommandStatus> {
    const { timeoutMs = PATIENCE_MS } = options;
    const { promise, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), timeoutMs);
    const first = await Promise.race([this.#ended, promise]);
    clearTimeout(timer);
    if (first === "late") throw this.#error(`still runs after ${timeoutMs} ms`);
    return await this.status;
  }

  /** Sends a signal, unless it has exited. */
  kill(signal: Deno.Signal): void {
    if (!this.#running) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // it has just exited; its status is not available yet
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Sends a signal to it and its children; requires `ownGroup`. */
  killGroup(signal: Deno.Signal): void {
    try {
      Deno.kill(-this.pid, signal);
    } catch (error) {
      // macOS refuses if only exited processes are left
      const gone = [Deno.errors.NotFound, Deno.errors.PermissionDenied];
      if (!gone.some((kind) => error instanceof kind)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ownGroup) this.killGroup("SIGKILL");
    else this.kill("SIGKILL");
    await this.status;
    this.#closing.abort(); // one of its children may still hold the pipe open
    await this.#ended;
  }

  async #keep(
    stream: ReadableStream<Uint8Array>,
    also: (text: string) => void = () => {},
  ): Promise<void> {
    const { signal } = this.#closing;
    try {
      for await (const text of stream.pipeThrough(new TextDecoderStream(), { signal })) {
        this.#output = kept(this.#output + text);
        also(text);
        if (echo) console.error(text.trimEnd());
        this.#wake();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }

  #more(waitMs: number): Promise<boolean> {
    if (waitMs <= 0) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const finish = (came: boolean) => {
      clearTimeout(timer);
      this.#listeners.delete(listener);
      resolve(came);
    };
    const listener = () => finish(true);
    const timer = setTimeout(() => finish(false), waitMs);
    this.#listeners.add(listener);
    return promise;
  }

  #error(what: string): Error {
    const name = this.#name.length > 100 ? `…${this.#name.slice(-100)}` : this.#name;
    return new Error(`"${name}" ${what}; its output:\n${this.#output.slice(-8_000)}`);
  }
}

/** Runs a program until it exits and returns its standard output.
 *
 * @throws if the exit code is not 0 */
export async function run(
  program: string,
  args: readonly string[],
  options: ProcessOptions & { timeoutMs?: number } = {},
): Promise<string> {
  await using process = Process.start(program, args, options);
  const status = await process.exit(options);
  if (status.success) return process.stdout;
  throw new Error(
    `"${program} ${args.join(" ")}" ended with ${status.code}:\n${process.output}`,
  );
}
