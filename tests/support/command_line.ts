/** `cli.ts` as a user runs it, against an API. */
import { Process } from "./process.ts";
import { checkout } from "./roles.ts";

/** Runs one command to its end. */
export type CommandLine = (...args: string[]) => Promise<{ code: number; output: string }>;

/** A command of `cli.ts`, such as `dead`, that speaks to the API at `url`. */
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
