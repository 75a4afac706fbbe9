/** Starts the programs of the kit and runs their commands.
 * @module
 */
import { Process, type ProcessOptions } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

/** A program with `serveCommands` of `programs/command_server.ts`. Disposing kills it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Runs a command and returns its answer.
   *
   * @throws if the command fails; the message contains its stack */
  run<Answer>(command: string, given?: Readonly<Record<string, number>>): Promise<Answer>;
}

/** Milliseconds of one command. The longest one submits a million tasks. */
const COMMAND_LIMIT_MS = 15 * 60_000;

/** Variables of a program. */
export type Env = Readonly<Record<string, string>>;

/** Starts a program and waits until it serves its commands.
 *
 * @throws if it exits first, or after two minutes */
export async function startProgram(
  executable: string,
  args: readonly string[],
  options: ProcessOptions,
): Promise<Program> {
  const process = Process.start(executable, args, options);
  try {
    const [, url = ""] = await process.said(/^ready at (http:\S+)$/m);
    return {
      pid: process.pid,
      run: (command, given = {}) => request(url, command, given),
      [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
    };
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** Starts a program of `programs/` with this Deno.
 *
 * @param path relative to the checkout */
export function startDenoProgram(path: string, args: readonly string[], env: Env): Process {
  return Process.start(Deno.execPath(), denoArgs(path, args), { env: { ...env }, cwd: checkout });
}

/** The same for a program that serves commands. */
export function startDenoClient(path: string, args: readonly string[], env: Env): Promise<Program> {
  const options = { env: { ...env }, cwd: checkout };
  return startProgram(Deno.execPath(), denoArgs(path, args), options);
}

function denoArgs(path: string, args: readonly string[]): string[] {
  return ["run", "-A", `--lock=${checkout}tests/deno.lock`, `${checkout}${path}`, ...args];
}

async function request<Answer>(
  url: string,
  command: string,
  given: Readonly<Record<string, number>>,
): Promise<Answer> {
  const query = new URLSearchParams(
    Object.entries(given).map(([name, value]) => [name, `${value}`]),
  );
  const signal = AbortSignal.timeout(COMMAND_LIMIT_MS);
  const answer = await fetch(`${url}/${command}?${query}`, { method: "POST", signal });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Cannot run "${command}" because the program failed:\n${text}`);
  return JSON.parse(text) as Answer;
}
