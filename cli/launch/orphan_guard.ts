/** Ends a process when this one is gone, however it ended.
 *
 * SIGKILL lets no program clean up, and a child that computes without a pause notices nothing. A shell waits for the end
 * of its standard input, which the kernel closes with this process, then stops the child: SIGTERM first, SIGKILL later.
 * @module
 */
import { SHELL } from "../../workers/sandbox/process_monitor.ts";

/** Seconds that the child has to finish its tasks. */
const GRACE = 30;

const SCRIPT = `
trap '' INT TERM HUP
while read -r _; do :; done
kill -TERM "$1" || exit 0
left=${GRACE}
while [ "$left" -gt 0 ]; do
  sleep 1
  kill -0 "$1" || exit 0
  left=$((left - 1))
done
kill -KILL "$1"
`;

/** Watches over one process until disposed. */
export class OrphanGuard implements AsyncDisposable {
  readonly #shell: Deno.ChildProcess | undefined;

  /** @param pid the process to end; without a shell on this machine nothing ends it */
  constructor(pid: number) {
    try {
      this.#shell = new Deno.Command(SHELL, {
        args: ["-c", SCRIPT, SHELL, String(pid)],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
        detached: true,
      }).spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Ends the guard and leaves the process alone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const shell = this.#shell;
    if (!shell) return;
    try {
      shell.kill("SIGKILL");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await shell.status;
    await shell.stdin.close().catch(() => {});
  }
}
