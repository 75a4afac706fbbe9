/** Runs `cli.ts` against an API, as a user does. */
import { Process } from "./process.ts";
import { checkout } from "./roles.ts";

/** What a command printed, and its exit code. */
export interface CommandResult {
  readonly code: number;
  /** Standard output and standard error, in order of arrival. */
  readonly output: string;
  /** Standard output only: a slow command writes notices to standard error. */
  readonly stdout: string;
}

/** Runs one command until it exits. */
export type CommandLine = (...args: string[]) => Promise<CommandResult>;

/** Runs a command of `cli.ts`, such as `dead`, against the API at `url`. */
export function commandLine(command: string, url: string): CommandLine {
  return async (...args) => {
    const all = ["run", "-A", `${checkout}cli.ts`, command, ...args];
    await using process = Process.start(Deno.execPath(), all, {
      env: { CELERIAC_URL: url, NO_COLOR: "1" },
    });
    const { code } = await process.exit({ timeoutMs: 60_000 });
    return { code, output: process.output, stdout: process.stdout };
  };
}
