/** Runs `cli.ts` against an API, as a user does. */
import { Process } from "./process.ts";
import { checkout } from "./roles.ts";

/** Runs one command until it exits. */
export type CommandLine = (...args: string[]) => Promise<{ code: number; output: string }>;

/** Runs a command of `cli.ts`, such as `dead`, against the API at `url`. */
export function commandLine(command: string, url: string): CommandLine {
  return async (...args) => {
    const all = ["run", "-A", `${checkout}cli.ts`, command, ...args];
    await using process = Process.start(Deno.execPath(), all, {
      env: { CELERIAC_URL: url, NO_COLOR: "1" },
    });
    const { code } = await process.exit({ timeoutMs: 60_000 });
    return { code, output: process.output };
  };
}
