/** Working directories of child processes. A folder is empty before each task and is removed with its child. */
import { getLogger } from "@logtape/logtape";
import { join } from "node:path";
import { ConfigurationError } from "../../../shared/errors.ts";
import { waitAtMost } from "../../../shared/runtime/waits.ts";
import { Trash } from "./removal.ts";

/** Folder names of workers. The owner holds the lock on the file beside the folder. */
const WORKER = /^worker-[\da-f]{16}$/;
const LOCK = ".lock";

/** Entries of a child's folder that are moved out one by one. A folder with more entries is replaced together with its child. */
const MAX_NAMES = 1000;

/** Milliseconds that a stopping worker waits for removals. The next worker removes the rest. */
const STOP_MS = 5000;

/** The folders of one worker's children, in a folder that the worker owns.
 *
 * The kernel releases the owner's lock when the process ends for any reason. Therefore workers can share `parent`, even from several
 * containers, and each removes the folders of dead workers when it starts. */
export class Folders {
  readonly #parent: string;
  #own: Promise<Own> | undefined;
  #stopped = false;
  /** The running removals. */
  #removing: Promise<void> = Promise.resolve();

  constructor(parent: string) {
    this.#parent = parent;
  }

  /** Creates the folder of a child. The first call also creates the worker's folder and removes those of dead workers.
   *
   * @throws {ConfigurationError} if this process may not create folders */
  async make(): Promise<Folder> {
    const parent = this.#parent;
    try {
      const { path, trash } = await (this.#own ??= this.#claim());
      const folder = await Deno.makeTempDir({ dir: path, prefix: "sandbox-" });
      return new Folder(folder, trash, (place) => this.#remove(trash, place));
    } catch (cause) {
      if (!await this.#own?.catch(() => undefined)) this.#own = undefined; // the next call tries again
      throw new ConfigurationError(
        `Cannot make a folder for a child process in '${parent}' because ${
          (cause as Error).message
        }: make it writable and add --allow-read=${parent} --allow-write=${parent}, or set CELERIAC_SANDBOX_FOLDER`,
        { cause },
      );
    }
  }

  /** Removes the worker's folder. Its children must have exited. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const own = await this.#own?.catch(() => undefined);
    this.#own = undefined;
    if (!own) return;
    await waitAtMost(STOP_MS, own.swept.then(() => this.#removing));
    try {
      await Deno.remove(join(own.path, TRASH));
      await Deno.remove(own.path);
      await Deno.remove(own.path + LOCK);
    } catch (error) {
      logger.warn("Cannot remove {folder}; the next worker that starts here removes it: {error}", {
        folder: own.path,
        error,
      });
    } finally {
      own.lock.close();
    }
  }

  /** Removes items one after the other. */
  async #remove(trash: Trash, place: string): Promise<void> {
    await this.#removing;
    this.#removing = trash.remove(place).catch((error) =>
      logger.warn("Cannot remove the files of a task from {place}: {error}", { place, error })
    );
  }

  async #claim(): Promise<Own> {
    await Deno.mkdir(this.#parent, { recursive: true });
    for (;;) {
      const name = `worker-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`;
      const path = join(this.#parent, name);
      // The lock first, because a folder without a lock looks like that of a dead worker.
      const lock = await locked(path + LOCK, { createNew: true, write: true, mode: 0o600 });
      if (!lock) continue; // another worker has just removed it
      try {
        await Deno.mkdir(join(path, TRASH), { recursive: true, mode: 0o700 });
      } catch (error) {
        lock.close();
        throw error;
      }
      const trash = new Trash(join(path, TRASH));
      const swept = this.#sweep(trash).catch((error) =>
        logger.warn("Cannot remove the folders of killed workers from {folder}: {error}", {
          folder: this.#parent,
          error,
        })
      );
      return { path, lock, trash, swept };
    }
  }

  /** Removes the folders of dead workers. */
  async #sweep(trash: Trash): Promise<void> {
    for await (const { name, isFile } of Deno.readDir(this.#parent)) {
      const worker = name.slice(0, -LOCK.length);
      if (this.#stopped) return;
      if (!isFile || !name.endsWith(LOCK) || !WORKER.test(worker)) continue;
      const path = join(this.#parent, worker);
      using lock = await locked(path + LOCK, { write: true });
      if (!lock) continue;
      try {
        await trash.remove(await trash.take(path)).catch(unlessMissing);
        await Deno.remove(path + LOCK);
        logger.info("Removed {folder} of a killed worker", { folder: path });
      } catch (error) {
        logger.warn("Cannot remove {folder} of a killed worker: {error}", {
          folder: path,
          error,
        });
      }
    }
  }
}

/** The folder of this worker. */
interface Own {
  readonly path: string;
  readonly lock: Deno.FsFile;
  readonly trash: Trash;
  /** Resolves when the folders of dead workers are removed. */
  readonly swept: Promise<void>;
}

const TRASH = "trash";

/** One child's folder. */
export class Folder {
  readonly path: string;
  readonly #trash: Trash;
  readonly #discard: (place: string) => Promise<void>;

  /** @param discard removes an item of the trash later */
  constructor(path: string, trash: Trash, discard: (place: string) => Promise<void>) {
    this.path = path;
    this.#trash = trash;
    this.#discard = discard;
  }

  /** Moves all entries to the trash, and checks that the folder is empty.
   *
   * @throws if that fails, or a process still writes to the folder */
  async empty(): Promise<void> {
    const names = await namesIn(this.path);
    if (names.length > MAX_NAMES) throw new Error(`it holds more than ${MAX_NAMES} names`);
    for (const name of names) {
      await this.#discard(await this.#trash.take(join(this.path, name)));
    }
    if (names.length > 0 && (await namesIn(this.path)).length > 0) {
      throw new Error("something still writes to it");
    }
  }

  /** Removes the folder. Its child must have exited. */
  async remove(): Promise<void> {
    try {
      await Deno.chmod(this.path, 0o700);
      await this.#discard(await this.#trash.take(this.path));
    } catch (error) {
      logger.warn("Cannot remove {folder} of a child process: {error}", {
        folder: this.path,
        error,
      });
    }
  }
}

async function namesIn(path: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
}

/** Opens and locks a file. `undefined`: another process holds the lock, or the file was removed. */
async function locked(path: string, how: Deno.OpenOptions): Promise<Deno.FsFile | undefined> {
  const file = await Deno.open(path, how).catch(unlessMissing);
  if (!file) return undefined;
  const current = await file.tryLock(true) && await Deno.lstat(path).catch(unlessMissing);
  if (current && current.ino === (await file.stat()).ino) return file;
  file.close();
  return undefined;
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

const logger = getLogger(["celeriac", "sandbox"]);
