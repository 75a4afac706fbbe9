/** Maps errors to exit codes and one line of text. */
import {
  BrokerUnavailable,
  CeleriacError,
  ConfigurationError,
  DatabaseUnavailable,
  InvalidInput,
  TopologyMissing,
  Unavailable,
} from "../shared/errors.ts";

/** Exit codes that scripts can rely on. */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, timeout: 4 } as const;

/** The exit code and the line for an error. Celeriac's errors contain their remedy; others are bugs and show their stack.
 *
 * @param command the command that failed */
export function explain(error: unknown, command: string): { code: number; text: string } {
  if (error instanceof ConfigurationError || error instanceof InvalidInput) {
    return { code: EXIT.usage, text: error.message };
  }
  if (
    error instanceof DatabaseUnavailable || error instanceof BrokerUnavailable ||
    error instanceof Unavailable || error instanceof TopologyMissing
  ) return { code: EXIT.unreachable, text: error.message };
  if (error instanceof CeleriacError) return { code: EXIT.failed, text: error.message };
  if (error instanceof Deno.errors.NotCapable) {
    const lacking = error.message.replace(/, run again with .*/s, "");
    return {
      code: EXIT.usage,
      text:
        `Cannot run '${command}' because Deno denies it a permission (${lacking}): start it with the flags that \`deno task cli permissions ${command}\` prints for the same arguments`,
    };
  }
  return {
    code: EXIT.failed,
    text: error instanceof Error ? error.stack ?? error.message : String(error),
  };
}
