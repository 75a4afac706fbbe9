/** Watches how much a task writes into its folder. */
import { join } from "node:path";
import { pause } from "../../../shared/runtime/waits.ts";

/** How much a folder may hold. */
export interface FolderLimits {
  /** MiB on the disk. */
  readonly folderMb: number;
  /** Names: files, folders and links, at any depth. */
  readonly folderFiles: number;
}

/** Levels of folders within one another. */
const MAX_LEVELS = 100;

const TOO_DEEP =
  `its folder was more than ${MAX_LEVELS} levels deep, or had a path of more than 4 KiB: nest folders less`;

/** Milliseconds between two looks, and how many times that of the last look, where that is more: a full folder must not keep the
 * worker busy. */
const PAUSE_MS = 200;
const PAUSE_TIMES = 5;

/** Bytes of a block, as `stat` counts them. */
const BLOCK = 512;

/** Looks into a folder again and again until the signal aborts, or it holds more than it may.
 *
 * @param exceeded is called at most once, with what is too much, to follow "because" */
export async function watchFolder(
  path: string,
  limits: FolderLimits,
  signal: AbortSignal,
  exceeded: (reason: string) => void,
): Promise<void> {
  for (let took = 0; !signal.aborted;) {
    await pause(Math.max(PAUSE_MS, took * PAUSE_TIMES), signal);
    const began = performance.now();
    const reason = signal.aborted ? undefined : await excess(path, limits, signal);
    took = performance.now() - began;
    if (reason !== undefined && !signal.aborted) return exceeded(reason);
  }
}

/** What of a folder is over a limit, such as `its folder held more than 1 files: write fewer, or raise sandbox.folderFiles`;
 * `undefined` when nothing is. Names may come and go meanwhile. */
export async function excess(
  path: string,
  { folderMb, folderFiles }: FolderLimits,
  signal?: AbortSignal,
): Promise<string | undefined> {
  let files = 0;
  let bytes = 0;
  const folders = [{ path, level: 0 }];
  for (let folder = folders.pop(); folder && !signal?.aborted; folder = folders.pop()) {
    if (folder.level > MAX_LEVELS) return TOO_DEEP;
    try {
      for await (const { name, isDirectory } of Deno.readDir(folder.path)) {
        if (++files > folderFiles) {
          return `its folder held more than ${folderFiles} files: write fewer, or raise sandbox.folderFiles`;
        }
        const entry = join(folder.path, name);
        if (isDirectory) folders.push({ path: entry, level: folder.level + 1 });
        else bytes += await sizeOf(entry);
        if (bytes > folderMb * 2 ** 20) {
          return `its folder held more than ${folderMb} MiB: write less, or raise sandbox.folderMb`;
        }
      }
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) {
        return "a folder in its folder could not be read: leave the owner's rights to it";
      }
      if (codeOf(error) === "ENAMETOOLONG") return TOO_DEEP;
      // It was removed meanwhile, or the next look shows what it is.
    }
  }
  return undefined;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Bytes that a file takes on the disk: holes of a sparse file are none. One with several names counts once in all. */
async function sizeOf(path: string): Promise<number> {
  try {
    const { blocks, nlink, size } = await Deno.lstat(path);
    return (blocks === null ? size : blocks * BLOCK) / (nlink || 1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
