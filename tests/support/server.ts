import type { Process } from "./process.ts";

/** A server that tests run against, found or started. */
export interface Server {
  /** One line for the console: what it is, where it is, whose it is. */
  readonly description: string;
  /** The variables by which tests find it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends it, if we started it. */
  stop(): Promise<void>;
}

/** There is no server to run on. The message says what a person can do. */
export class NoServer extends Error {}

/** Makes a failure to reach a server that a variable names into one line. */
export function unreachable(variable: string, url: string, cause: unknown): NoServer {
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new NoServer(
    `Cannot use ${
      new URL(url).host
    } of ${variable} because ${reason}: start it, or unset ${variable}`,
    { cause },
  );
}

/** Asks a server that is starting until it answers.
 *
 * @param ask throws while there is no answer
 * @throws when the process ends first, the time is up or the signal aborts */
export async function untilUp<Answer>(
  process: Process,
  ask: () => Promise<Answer>,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<Answer> {
  const { timeoutMs, signal } = options;
  const deadline = Date.now() + timeoutMs;
  let cause: unknown;
  while (true) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      cause = error;
    }
    if (!process.running || Date.now() > deadline) {
      const what = process.running ? `did not answer within ${timeoutMs} ms` : "ended";
      throw new Error(`The server ${what}; it said:\n${process.output}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The first of these folders that holds all these programs, absolute. */
export async function folderWith(
  programs: readonly string[],
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    const found = await Promise.all(programs.map((name) => isFile(`${folder}/${name}`)));
    if (found.every(Boolean)) return folder;
  }
  return undefined;
}

/** The folders of `PATH`. */
export function pathFolders(): string[] {
  return (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder.startsWith("/"));
}

/** The folders below `parent` whose name matches, newest version first, each with `below` added; none when there is no such parent. */
export function versionFolders(parent: string, name: RegExp, below: string): string[] {
  let names: string[] = [];
  try {
    names = [...Deno.readDirSync(parent)].map((entry) => entry.name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names
    .filter((entry) => name.test(entry))
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
    .map((entry) => `${parent}/${entry}/${below}`);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
