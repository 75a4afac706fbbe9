/** Commands that start this program again, with chosen permissions. */

/** The command line's own module. */
const CLI = import.meta.resolve("../../cli.ts");

/** Returns arguments for Deno that run a command of this program.
 *
 * @param permissions flags such as `--allow-net=...`
 * @param configFile the app's `deno.json`; without one Deno looks for it as it does for any program */
export function denoArguments(
  permissions: readonly string[],
  configFile: string | undefined,
  command: readonly string[],
): string[] {
  const config = configFile === undefined ? [] : ["--config", configFile];
  return ["run", ...permissions, ...config, CLI, ...command];
}

/** What a command that ran to its end left. */
export interface Finished {
  /** Its exit code; 128 and the signal's number if a signal ended it. */
  readonly code: number;
  /** What it wrote to standard output. */
  readonly output: string;
}

/** Runs Deno to its end. If it fails, what it wrote to standard error is written to that of this process.
 *
 * @param signal ends it */
export async function runDeno(args: readonly string[], signal: AbortSignal): Promise<Finished> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // A Ctrl-C at the terminal reaches this process alone, which ends the child.
    detached: true,
    signal,
  });
  const { code, stdout, stderr } = await child.output();
  if (code !== 0 && !signal.aborted) await Deno.stderr.write(stderr);
  return { code, output: new TextDecoder().decode(stdout) };
}

/** Returns the Deno flags that a command needs, as `permissions` prints them. The process that works them out loads the
 * app's contracts, and may read files and the environment only.
 *
 * @param command the command and its flags
 * @param signal ends it
 * @returns `flags` when `code` is 0; otherwise the reason is on standard error */
export async function permissionsOf(
  command: readonly string[],
  configFile: string | undefined,
  signal: AbortSignal,
): Promise<{ code: number; flags: string[] }> {
  const reading = ["--no-prompt", "--allow-env", "--allow-read"];
  const { code, output } = await runDeno(
    denoArguments(reading, configFile, ["permissions", ...command]),
    signal,
  );
  return { code, flags: code === 0 ? output.trim().split("\n") : [] };
}

/** Whether this process may start a role with permissions of its own: read all files, the environment, and run Deno. A
 * role itself never may, as it is given paths and names. */
export function mayLaunch(): boolean {
  const needed: Deno.PermissionDescriptor[] = [
    { name: "read" },
    { name: "env" },
    { name: "run", command: Deno.execPath() },
  ];
  return needed.every((one) => Deno.permissions.querySync(one).state === "granted");
}
