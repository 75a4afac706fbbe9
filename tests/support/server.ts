import type { Process } from "./process.ts";

/** A test server, found or started. */
export interface Server {
  /** One line for the console: product, address and origin. */
  readonly description: string;
  /** The variables that contain its address. */
  readonly environment: Readonly<Record<string, string>>;
  /** Stops the server if this run started it. */
  stop(): Promise<void>;
}

/** No server is available. The message contains the remedy. */
export class NoServer extends Error {}

/** Describes in one line why the server of a variable cannot be reached. */
export function unreachable(variable: string, url: string, cause: unknown): NoServer {
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new NoServer(
    `Cannot use ${
      new URL(url).host
    } of ${variable} because ${reason}: start it, or unset ${variable}`,
    { cause },
  );
}

/** Polls a starting server until it answers.
 *
 * @param ask throws until the server answers
 * @throws if the process exits first, on timeout, or if the signal aborts */
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
      throw new Error(`The server ${what}; its output:\n${process.output}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Finds the first folder that contains all programs, as an absolute path. */
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

/** Lists the matching folders in `parent`, newest version first, each joined with `below`; empty if `parent` does not exist. */
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
