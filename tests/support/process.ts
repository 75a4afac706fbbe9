/** Child processes for tests: start, wait for a line, end by process id, and keep what they said.
 * @module
 */

/** How a program is started. */
export interface ProcessOptions {
  /** Variables added to those of this process, or all there are with `clearEnv`. */
  env?: Record<string, string>;
  /** Start from an empty environment; default false. */
  clearEnv?: boolean;
  cwd?: string;
  /** User and group to run as; only root may choose. */
  user?: { uid: number; gid: number };
  /** In a process group of its own, so that a Ctrl-C meant for us does not reach it and {@linkcode Process.killGroup} reaches its children; default false. */
  ownGroup?: boolean;
  /** Let it write to our terminal instead of keeping what it says; default false. */
  inherit?: boolean;
}

const keptCharacters = 4_000_000;

/** Milliseconds that a loaded machine may take for what an idle one does at once. */
const PATIENCE_MS = 120_000;

/** For looking at a test that fails: show what its processes say as they say it. */
const echo = Deno.env.get("CELERIAC_TEST_ECHO") === "1";

function kept(text: string): string {
  return text.slice(-keptCharacters);
}

/** A running program and what it has said. Disposing kills it. */
export class Process implements AsyncDisposable {
  readonly pid: number;
  /** How it ended; never rejects. */
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
   * @throws {Deno.errors.NotFound} when there is no such program */
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

  /** All it wrote to standard output and standard error, in the order it came. */
  get output(): string {
    return this.#output;
  }

  /** What it wrote to standard output alone. */
  get stdout(): string {
    return this.#stdout;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Waits until its output matches.
   *
   * @param options.timeoutMs default 120,000
   * @throws when it ends first or the time is up; the message carries the output */
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

  /** Waits until it has ended and all its output is in.
   *
   * @param options.timeoutMs default 120,000
   * @throws when it still runs then */
  async exit(options: { timeoutMs?: number } = {}): Promise<Deno.CommandStatus> {
    const { timeoutMs = PATIENCE_MS } = options;
    const { promise, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), timeoutMs);
    const first = await Promise.race([this.#ended, promise]);
    clearTimeout(timer);
    if (first === "late") throw this.#error(`still runs after ${timeoutMs} ms`);
    return await this.status;
  }

  /** Sends a signal; nothing when it has ended. */
  kill(signal: Deno.Signal): void {
    if (!this.#running) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // it has just ended, and its status is on the way
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Sends a signal to it and all its children; needs `ownGroup`. */
  killGroup(signal: Deno.Signal): void {
    try {
      Deno.kill(-this.pid, signal);
    } catch (error) {
      // macOS refuses where nothing but the dead are left
      const gone = [Deno.errors.NotFound, Deno.errors.PermissionDenied];
      if (!gone.some((kind) => error instanceof kind)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ownGroup) this.killGroup("SIGKILL");
    else this.kill("SIGKILL");
    await this.status;
    this.#closing.abort(); // a child of its own may still hold the other end
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
    return new Error(`"${name}" ${what}; it said:\n${this.#output.slice(-8_000)}`);
  }
}

/** Runs a program to its end and returns what it wrote to standard output.
 *
 * @throws when it does not exit with 0 */
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
