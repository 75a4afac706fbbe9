/** A shell process that does what the worker's Deno permissions do not allow: it measures the worker's children, and kills them if the worker
 * dies.
 *
 * Deno allows access to `/proc` only with all permissions, and a child that never awaits does not notice that its worker died. The shell
 * reads pids from its input, and replies with fields 14, 15 and 24 of `/proc/PID/stat` (proc_pid_stat(5)), without a fork. It kills these
 * pids when its input ends.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Service } from "../../shared/runtime/service.ts";
import { readLines } from "./read_lines.ts";

/** Resources that a process uses. */
export interface ProcessUsage {
  /** CPU seconds since its start. */
  readonly cpu: number;
  /** Bytes of resident memory. */
  readonly resident: number;
}

/** The shell that runs the monitor. */
export const SHELL = "/bin/sh";

const SCRIPT = `
trap '' INT TERM HUP
echo "$(getconf CLK_TCK 2>/dev/null || echo 100) $(getconf PAGESIZE 2>/dev/null || echo 4096)"
children=
while read -r pids; do
  children=$pids
  for pid in $pids; do
    { read -r stat < "/proc/$pid/stat"; } 2>/dev/null || continue
    set -- \${stat##*) }
    echo "$pid $((\${12} + \${13})) \${22}"
  done
  echo .
done
for pid in $children; do kill -9 "$pid"; done 2>/dev/null
`;

/** Longest reply line in characters. */
const MAX_LINE = 256;

/** A monitored child. */
interface Watched {
  readonly pid: number;
  readonly busy: boolean;
  measured(usage: ProcessUsage): void;
}

/** Options of a {@linkcode ProcessMonitor}. */
export interface ProcessMonitorOptions {
  /** The running children. */
  children(): Iterable<Watched>;
  /** Milliseconds between two measurements while tasks run. Default 100. */
  readonly intervalMs?: number;
}

/** Monitors the children of one worker. */
export class ProcessMonitor implements Service {
  readonly #options: ProcessMonitorOptions;
  #shell: { readonly process: Deno.ChildProcess; readonly over: Promise<void> } | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #measuring: PromiseWithResolvers<void> | undefined;

  constructor(options: ProcessMonitorOptions) {
    this.#options = options;
  }

  /** Starts the shell. If that fails, logs a warning and works without it. */
  start(): Promise<void> {
    if (this.#shell) return Promise.resolve();
    try {
      const process = new Deno.Command(SHELL, {
        args: ["-c", SCRIPT],
        cwd: "/",
        clearEnv: true,
        env: { PATH: "/usr/bin:/bin" },
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      this.#writer = process.stdin.getWriter();
      this.#shell = { process, over: this.#listen(process) };
    } catch (error) {
      logger.warn(
        "Memory and processor time of child processes are not watched, as {shell} cannot be run: {error}; add --allow-run={shell}",
        { shell: SHELL, error },
      );
      return Promise.resolve();
    }
    this.#timer = setInterval(() => {
      for (const { busy } of this.#options.children()) if (busy) return void this.measure();
    }, this.#options.intervalMs ?? 100);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#measuring?.resolve();
    const shell = this.#shell;
    if (!shell) return;
    this.#send([]);
    await this.#writer?.close().catch(() => {});
    await Promise.all([shell.over, shell.process.status]);
    this.#shell = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Sends the pids to the shell and measures all children. Resolves when that is done. */
  measure(): Promise<void> {
    if (!this.#shell) return Promise.resolve();
    if (!this.#measuring) {
      this.#measuring = Promise.withResolvers();
      this.#send(Array.from(this.#options.children(), ({ pid }) => pid));
    }
    return this.#measuring.promise;
  }

  #send(pids: readonly number[]): void {
    this.#writer?.write(new TextEncoder().encode(`${pids.join(" ")}\n`)).catch(() => {});
  }

  async #listen(process: Deno.ChildProcess): Promise<void> {
    let units: { readonly tick: number; readonly page: number } | undefined;
    for await (const line of readLines(process.stdout, MAX_LINE)) {
      if (line === ".") {
        this.#measuring?.resolve();
        this.#measuring = undefined;
        continue;
      }
      const [first = NaN, second = NaN, third = NaN] = line.split(" ").map(Number);
      if (!units) units = { tick: 1 / first, page: second };
      else this.#measured(first, { cpu: second * units.tick, resident: third * units.page });
    }
    this.#shell = undefined;
    this.#measuring?.resolve();
    this.#measuring = undefined;
  }

  #measured(pid: number, usage: ProcessUsage): void {
    for (const child of this.#options.children()) {
      if (child.pid === pid) return child.measured(usage);
    }
  }
}

const logger = getLogger(["celeriac", "sandbox"]);
