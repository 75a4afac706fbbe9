/** The priority of a child process. */
import { setPriority } from "node:os";
import { ConfigurationError } from "../../shared/errors.ts";

/** Lowers the priority of a process.
 *
 * @param child is killed with the error if this is not permitted
 * @throws {ConfigurationError} if this is not permitted */
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
