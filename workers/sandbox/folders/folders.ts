/** Folders of children: each child's working directory, empty before each task and gone with it. */
import { getLogger } from "@logtape/logtape";
import { join } from "node:path";
import { ConfigurationError } from "../../../shared/errors.ts";
import { waitAtMost } from "../../../shared/runtime/waits.ts";
import { Trash } from "./removal.ts";

/** Names of the folders of workers. Each is owned by who holds the lock of the file beside it. */
const WORKER = /^worker-[\da-f]{16}$/;
const LOCK = ".lock";

/** Names in a child's folder that are moved out of it one by one; a folder with more is replaced, and its child with it. */
const MAX_NAMES = 1000;

/** Milliseconds that a worker which stops waits for what is being removed. What is left then, the next one sweeps. */
const STOP_MS = 5000;

/** The folders of one worker's children, in a folder that it alone owns.
 *
 * The kernel releases the owner's lock when the process ends, however it ends. So workers may share `parent`, also from
 * several containers, and each removes at its start what dead ones have left. */
export class Folders {
  readonly #parent: string;
  #own: Promise<Own> | undefined;
  #stopped = false;
  /** What is removed now. */
  #removing: Promise<void> = Promise.resolve();

  constructor(parent: string) {
    this.#parent = parent;
  }

  /** Makes the folder of a child. The first one makes the worker's own folder, and sweeps.
   *
   * @throws {ConfigurationError} when this process may not */
  async make(): Promise<Folder> {
    const parent = this.#parent;
    try {
      const { path, trash } = await (this.#own ??= this.#claim());
      const folder = await Deno.makeTempDir({ dir: path, prefix: "sandbox-" });
      return new Folder(folder, trash, (place) => this.#remove(trash, place));
    } catch (cause) {
      if (!await this.#own?.catch(() => undefined)) this.#own = undefined; // to be tried again
      throw new ConfigurationError(
        `Cannot make a folder for a child process in '${parent}' because ${
          (cause as Error).message
        }: make it writable and add --allow-read=${parent} --allow-write=${parent}, or set CELERIAC_SANDBOX_FOLDER`,
        { cause },
      );
    }
  }

  /** Removes the worker's own folder; its children must be gone. */
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
      logger.warn("{folder} is left to the next worker that starts here: {error}", {
        folder: own.path,
        error,
      });
    } finally {
      own.lock.close();
    }
  }

  /** One after the other: who discards more than one thing at a time waits. */
  async #remove(trash: Trash, place: string): Promise<void> {
    await this.#removing;
    this.#removing = trash.remove(place).catch((error) =>
      logger.warn("What a task wrote cannot be removed from {place}: {error}", { place, error })
    );
  }

  async #claim(): Promise<Own> {
    await Deno.mkdir(this.#parent, { recursive: true });
    for (;;) {
      const name = `worker-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`;
      const path = join(this.#parent, name);
      // The lock first: a folder without one would look like that of a dead worker.
      const lock = await locked(path + LOCK, { createNew: true, write: true, mode: 0o600 });
      if (!lock) continue; // somebody swept here just now
      try {
        await Deno.mkdir(join(path, TRASH), { recursive: true, mode: 0o700 });
      } catch (error) {
        lock.close();
        throw error;
      }
      const trash = new Trash(join(path, TRASH));
      const swept = this.#sweep(trash).catch((error) =>
        logger.warn("Folders that killed workers left in {folder} cannot be removed: {error}", {
          folder: this.#parent,
          error,
        })
      );
      return { path, lock, trash, swept };
    }
  }

  /** Removes what dead workers have left. */
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
        logger.info("Removed {folder}, which a killed worker has left", { folder: path });
      } catch (error) {
        logger.warn("Cannot remove {folder}, which a killed worker has left: {error}", {
          folder: path,
          error,
        });
      }
    }
  }
}

/** A worker's own folder. */
interface Own {
  readonly path: string;
  readonly lock: Deno.FsFile;
  readonly trash: Trash;
  /** Resolves when those of dead workers are gone. */
  readonly swept: Promise<void>;
}

const TRASH = "trash";

/** One child's folder. */
export class Folder {
  readonly path: string;
  readonly #trash: Trash;
  readonly #discard: (place: string) => Promise<void>;

  /** @param discard removes what is in the trash, later */
  constructor(path: string, trash: Trash, discard: (place: string) => Promise<void>) {
    this.path = path;
    this.#trash = trash;
    this.#discard = discard;
  }

  /** Moves out what is in it, and makes sure that it is empty then.
   *
   * @throws when that cannot be, or something still writes to it */
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

  /** Removes it. Its child must be gone. */
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

/** Opens a file and locks it. `undefined` = somebody else holds it, or it is gone. */
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
