/** A process of this program with the permissions of its role. */
import { waitAtMost } from "../../shared/runtime/waits.ts";
import { OrphanGuard } from "./orphan_guard.ts";

/** Milliseconds between two signals that a role would take for one. */
const SIGNAL_GAP_MS = 600;

/** How long the steps of {@linkcode Launched.stop} wait, milliseconds. */
export interface StopTimes {
  /** For running tasks to finish. */
  readonly drainMs: number;
  /** For the rest, before SIGKILL. */
  readonly hurryMs: number;
}

/** A role that runs in a child process on this process's standard streams. It ends when this process does. */
export class Launched {
  /** Its exit code; 128 and the signal's number if a signal ended it. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  #running = true;

  /** @param args arguments for Deno */
  constructor(args: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...args],
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
      // Signals reach it by this process only: a Ctrl-C at the terminal would otherwise come twice.
      detached: true,
    }).spawn();
    this.ended = this.#end(new OrphanGuard(this.#child.pid));
  }

  /** Sends a signal; nothing when it has ended. */
  signal(signal: Deno.Signal): void {
    if (!this.#running) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has just ended.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Stops it: first its tasks may finish, then unfinished ones go back to their queue, then it is killed. */
  async stop({ drainMs, hurryMs }: StopTimes): Promise<void> {
    for (const [signal, patienceMs] of [["SIGTERM", drainMs], ["SIGTERM", hurryMs]] as const) {
      this.signal(signal);
      await waitAtMost(Math.max(patienceMs, SIGNAL_GAP_MS), this.ended);
      if (!this.#running) return;
    }
    this.signal("SIGKILL");
    await this.ended;
  }

  async #end(guard: OrphanGuard): Promise<number> {
    const { code } = await this.#child.status;
    this.#running = false;
    await guard[Symbol.asyncDispose]();
    return code;
  }
}
