/** Watches the size of a task's folder. */
import { join } from "node:path";
import { pause } from "../../../shared/runtime/waits.ts";

/** Limits of a folder. */
export interface FolderLimits {
  /** MiB on the disk. */
  readonly folderMb: number;
  /** Names: files, folders and links, at any depth. */
  readonly folderFiles: number;
}

/** Levels of nested folders. */
const MAX_LEVELS = 100;

const TOO_DEEP =
  `its folder was more than ${MAX_LEVELS} levels deep, or had a path of more than 4 KiB: nest folders less`;

/** Pause between two checks: milliseconds, or a multiple of the last check's duration if that is longer, so that a full folder does not keep
 * the worker busy. */
const PAUSE_MS = 200;
const PAUSE_TIMES = 5;

/** Bytes of a block in `stat`. */
const BLOCK = 512;

/** Checks a folder at intervals until the signal aborts or a limit is exceeded.
 *
 * @param exceeded called at most once, with a reason that follows "because" */
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

/** Describes the exceeded limit of a folder, such as `its folder held more than 1 files: write fewer, or raise sandbox.folderFiles`;
 * `undefined` if there is none. Entries may change during the check. */
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
      // It was removed in the meantime, or the next check finds it.
    }
  }
  return undefined;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Disk space of a file in bytes, without the holes of a sparse file. A file with several hard links counts once in total. */
async function sizeOf(path: string): Promise<number> {
  try {
    const { blocks, nlink, size } = await Deno.lstat(path);
    return (blocks === null ? size : blocks * BLOCK) / (nlink || 1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
