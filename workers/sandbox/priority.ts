/** The priority of a child process. */
import { setPriority } from "node:os";
import { ConfigurationError } from "../../shared/errors.ts";

/** Makes a process give way to others.
 *
 * @param child is ended with the error when that is not allowed
 * @throws {ConfigurationError} when this process may not */
export function lowerPriority(
  pid: number,
  nice: number,
  child: { kill(why: Error): void },
): void {
  try {
    setPriority(pid, nice);
  } catch (cause) {
    const error = new ConfigurationError(
      `Cannot lower the priority of child process ${pid} because ${
        (cause as Error).message
      }: add --allow-sys=setPriority`,
      { cause },
    );
    child.kill(error);
    throw error;
  }
}
