/** Removes what tasks wrote, however it is nested and whatever its modes. */

/** Characters of a path that is opened. Its bytes, a name of the longest kind included, are below the 4096 that a system call takes;
 * its levels are few enough for the native recursive removal, which overflows its stack at some thousand. */
const MAX_PATH = 1000;

/** All rights of the owner. */
const OPEN = 0o700;

/** A folder on the same file system that no task can reach: what is removed is moved there first, so nothing that still runs can put a
 * link in the way. */
export class Trash {
  readonly #path: string;
  #next = 0;

  /** @param path of the folder, which exists */
  constructor(path: string) {
    this.#path = path;
  }

  /** Moves a file or a folder here. A symbolic link is moved itself, not what it points to.
   *
   * @returns where it is now */
  async take(path: string): Promise<string> {
    const place = `${this.#path}/${this.#next++}`;
    await Deno.rename(path, place);
    return place;
  }

  /** Removes what {@linkcode take} has moved, piece by piece: folders that are too deep below it are moved up here first.
   *
   * @throws the first error, after all pieces were tried */
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
    // A name that is not UTF-8 is listed as another. Only native code makes such names.
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  });
  return entries.flatMap(({ name, isDirectory }) => isDirectory ? `${folder}/${name}` : []);
}

/** Does something with folders. Where that is denied, it is tried again once their owner has all rights to them. */
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
