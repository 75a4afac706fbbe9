/** The folder that holds an embedded database. One process uses it at a time, and a process that is killed at any moment leaves a folder
 * that opens. */
import { join } from "node:path";
import { ConfigurationError } from "../errors.ts";

/** The process that uses a folder, as its lock file names it. */
interface Holder {
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Where it serves, once it does. */
  readonly url?: string;
}

const LOCK = "lock";
const DATABASE = "postgres";
/** Present from before the database's first file is written until its last one is. */
const UNFINISHED = "postgres.unfinished";
const OURS: ReadonlySet<string> = new Set([LOCK, DATABASE, UNFINISHED]);

/** More than a lock file ever holds. */
const HOLDER_BYTES = 4096;

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** A folder that this process has locked. The kernel releases the lock when the process ends, however it ends. */
export class DataFolder implements AsyncDisposable {
  /** Folder of the database itself. */
  readonly database: string;
  readonly #path: string;
  readonly #lock: Deno.FsFile;
  readonly #since = new Date().toISOString();

  private constructor(path: string, lock: Deno.FsFile) {
    this.#path = path;
    this.#lock = lock;
    this.database = join(path, DATABASE);
  }

  /** Makes the folder if it is missing and locks it. Nothing else in it is touched.
   *
   * @throws {ConfigurationError} when another process uses it (the message names that process), or it cannot be written */
  static async claim(path: string): Promise<DataFolder> {
    return await explained(path, async () => {
      await makePrivate(path);
      const name = join(path, LOCK);
      const lock = await Deno.open(name, { create: true, read: true, write: true });
      if (!await lock.tryLock(true)) {
        using held = lock;
        throw inUse(path, await readHolder(held));
      }
      await chmod(name, FILE_MODE);
      const folder = new DataFolder(path, lock);
      await folder.announce();
      return folder;
    });
  }

  /** Makes the database's folder ready to be opened: an empty one if there is none, if `reset` asks for it, or if a process was killed
   * while it initialised the database.
   *
   * @returns whether the database has to be initialised, which takes seconds
   * @throws {ConfigurationError} when the folder holds something else, or cannot be written */
  async prepare({ reset = false }: { reset?: boolean } = {}): Promise<boolean> {
    return await explained(this.#path, async () => {
      const { database } = this;
      const unfinished = join(this.#path, UNFINISHED);
      const entries = await namesIn(database);
      const begun = await exists(unfinished);
      if (entries.length > 0 && !begun && !entries.includes("PG_VERSION")) {
        throw new ConfigurationError(
          `Cannot use folder '${database}' because it holds something else than an embedded database: choose another folder with --data=FOLDER`,
        );
      }
      const fresh = reset || begun || entries.length === 0;
      if (fresh) {
        await Deno.writeTextFile(unfinished, "", { mode: FILE_MODE });
        await remove(database, { recursive: true });
        await Deno.mkdir(database, { mode: FOLDER_MODE });
      }
      await chmod(database, FOLDER_MODE);
      return fresh;
    });
  }

  /** To be called when the database is open: it is whole, and its files are for this user alone. */
  async opened(): Promise<void> {
    await makeTreePrivate(this.database);
    await remove(join(this.#path, UNFINISHED));
  }

  /** Writes into the lock file who holds the folder, for those who are refused.
   *
   * @param url where this process serves */
  async announce(url?: string): Promise<void> {
    const holder: Holder = { pid: Deno.pid, since: this.#since, ...(url ? { url } : {}) };
    const bytes = new TextEncoder().encode(JSON.stringify(holder));
    await this.#lock.truncate();
    await this.#lock.seek(0, Deno.SeekMode.Start);
    await this.#lock.write(bytes);
  }

  /** Releases the folder; the database must be closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (await exists(this.database)) await makeTreePrivate(this.database);
    this.#lock.close();
  }
}

/** Errors of the file system, with the folder and a remedy. */
async function explained<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ConfigurationError || cause instanceof Deno.errors.NotCapable) throw cause;
    throw new ConfigurationError(
      `Cannot use folder '${path}' because of ${
        String(cause)
      }: choose another with --data=FOLDER, or keep nothing on disk with --ephemeral`,
      { cause },
    );
  }
}

function inUse(path: string, holder: Holder | undefined): ConfigurationError {
  const url = holder?.url ? ` at ${holder.url}` : "";
  const who = holder
    ? `process ${holder.pid}${url} uses it since ${holder.since}`
    : "another process uses it";
  return new ConfigurationError(
    `Cannot use folder '${path}' because ${who}: stop that process, or start this one with --data=FOLDER or --ephemeral`,
  );
}

/** What the lock file says, as far as its holder has written it. */
async function readHolder(lock: Deno.FsFile): Promise<Holder | undefined> {
  const bytes = new Uint8Array(HOLDER_BYTES);
  const length = await lock.read(bytes) ?? 0;
  try {
    return JSON.parse(new TextDecoder().decode(bytes.subarray(0, length)));
  } catch {
    return undefined;
  }
}

/** A folder for this user alone. One that also holds other files keeps its mode. */
async function makePrivate(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if ((await namesIn(path)).every((name) => OURS.has(name))) await chmod(path, FOLDER_MODE);
}

/** PGlite writes files that everybody may read and write, whatever the umask. */
async function makeTreePrivate(path: string): Promise<void> {
  await chmod(path, FOLDER_MODE);
  for await (const { name, isDirectory, isFile } of Deno.readDir(path)) {
    if (isDirectory) await makeTreePrivate(join(path, name));
    else if (isFile) await chmod(join(path, name), FILE_MODE);
  }
}

async function chmod(path: string, mode: number): Promise<void> {
  if (Deno.build.os !== "windows") await Deno.chmod(path, mode);
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function remove(path: string, options: Deno.RemoveOptions = {}): Promise<void> {
  try {
    await Deno.remove(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
