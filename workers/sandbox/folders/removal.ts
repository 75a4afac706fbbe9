/** Removes files of tasks, regardless of nesting and file modes. */

/** Longest path in characters that is opened. Including one more name, its bytes stay below the system limit of 4096. It also limits the
 * nesting for the native recursive removal, which overflows its stack at some thousand levels. */
const MAX_PATH = 1000;

/** All rights of the owner. */
const OPEN = 0o700;

/** A folder on the same file system that no task can access. Items are moved there before they are removed, so that a running task cannot
 * replace a folder by a link. */
export class Trash {
  readonly #path: string;
  #next = 0;

  /** @param path of the existing folder */
  constructor(path: string) {
    this.#path = path;
  }

  /** Moves a file or folder into the trash. A symbolic link is moved itself, not its target.
   *
   * @returns its new path */
  async take(path: string): Promise<string> {
    const place = `${this.#path}/${this.#next++}`;
    await Deno.rename(path, place);
    return place;
  }

  /** Removes an item that {@linkcode take} has moved. Folders that are nested too deeply are first moved up into the trash.
   *
   * @throws the first error, after all parts were tried */
  async remove(place: string): Promise<void> {
    const errors: unknown[] = [];
    const pieces = [place];
    for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop()) {
      try {
        await this.#removePiece(piece, (lifted) => pieces.push(lifted));
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  async #removePiece(piece: string, lifted: (place: string) => void): Promise<void> {
    const folders = (await Deno.lstat(piece)).isDirectory ? [piece] : [];
    for (let index = 0; index < folders.length; index++) {
      for (const path of await foldersIn(folders[index]!)) {
        if (path.length <= MAX_PATH) folders.push(path);
        else lifted(await this.#lift(path));
      }
    }
    await withRights(() => Deno.remove(piece, { recursive: true }), folders);
  }

  async #lift(folder: string): Promise<string> {
    return await withRights(() => this.take(folder), [folder]);
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  const list = () => Array.fromAsync(Deno.readDir(folder));
  const entries = await withRights(list, [folder]).catch((error) => {
    // A name that is not UTF-8 is listed incorrectly. Only native code creates such names.
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  });
  return entries.flatMap(({ name, isDirectory }) => isDirectory ? `${folder}/${name}` : []);
}

/** Runs work on folders. If access is denied, gives the owner all rights to them and tries again. */
async function withRights<Result>(
  work: () => Promise<Result>,
  folders: readonly string[],
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    for (const folder of folders) await Deno.chmod(folder, OPEN);
    return await work();
  }
}
