/** The folder of an embedded database. One process uses it at a time. After a kill at any moment the folder can be opened again. */
import { join } from "node:path";
import { ConfigurationError } from "../errors.ts";

/** The process that uses a folder, as stored in the lock file. */
interface Holder {
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** URL at which it serves, once it does. */
  readonly url?: string;
}

const LOCK = "lock";
const DATABASE = "postgres";
/** Marker file that exists while the database is being initialized. */
const UNFINISHED = "postgres.unfinished";
const KNOWN_FILES: ReadonlySet<string> = new Set([LOCK, DATABASE, UNFINISHED]);

/** Upper limit of a lock file's size. */
const HOLDER_BYTES = 4096;

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** A folder locked by this process. The kernel releases the lock when the process ends. */
export class DataFolder implements AsyncDisposable {
  /** Folder of the database files. */
  readonly database: string;
  readonly #path: string;
  readonly #lock: Deno.FsFile;
  readonly #since = new Date().toISOString();

  private constructor(path: string, lock: Deno.FsFile) {
    this.#path = path;
    this.#lock = lock;
    this.database = join(path, DATABASE);
  }

  /** Creates the folder if it is missing, and locks it. Changes nothing else in it.
   *
   * @throws {ConfigurationError} when another process uses the folder (the message names it), or it is not writable */
  static async claim(path: string): Promise<DataFolder> {
    return await withRemedy(path, async () => {
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

  /** Prepares the database's folder. Empties it if `reset` is set, or if a process was killed while it initialized the database.
   *
   * @returns whether the database has to be initialized, which takes seconds
   * @throws {ConfigurationError} when the folder contains other files, or is not writable */
  async prepare({ reset = false }: { reset?: boolean } = {}): Promise<boolean> {
    return await withRemedy(this.#path, async () => {
      const { database } = this;
      const unfinished = join(this.#path, UNFINISHED);
      const entries = await namesIn(database);
      const begun = await exists(unfinished);
      if (entries.length > 0 && !begun && !entries.includes("PG_VERSION")) {
        throw new ConfigurationError(
          `Cannot use folder '${database}' because it contains other files than an embedded database: choose another folder with --data=FOLDER`,
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

  /** Call it when the database is open: marks it as complete and restricts its files to this user. */
  async opened(): Promise<void> {
    await makeTreePrivate(this.database);
    await remove(join(this.#path, UNFINISHED));
  }

  /** Writes this process into the lock file, for the error messages of other processes.
   *
   * @param url URL at which this process serves */
  async announce(url?: string): Promise<void> {
    const holder: Holder = { pid: Deno.pid, since: this.#since, ...(url ? { url } : {}) };
    const bytes = new TextEncoder().encode(JSON.stringify(holder));
    await this.#lock.truncate();
    await this.#lock.seek(0, Deno.SeekMode.Start);
    await this.#lock.write(bytes);
  }

  /** Releases the folder. Close the database first. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (await exists(this.database)) await makeTreePrivate(this.database);
    this.#lock.close();
  }
}

/** Adds folder and remedy to file system errors. */
async function withRemedy<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
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
    ? `process ${holder.pid}${url} has used it since ${holder.since}`
    : "another process uses it";
  return new ConfigurationError(
    `Cannot use folder '${path}' because ${who}: stop that process, or start this one with --data=FOLDER or --ephemeral`,
  );
}

/** Content of the lock file; `undefined` while it is incomplete. */
async function readHolder(lock: Deno.FsFile): Promise<Holder | undefined> {
  const bytes = new Uint8Array(HOLDER_BYTES);
  const length = await lock.read(bytes) ?? 0;
  try {
    return JSON.parse(new TextDecoder().decode(bytes.subarray(0, length)));
  } catch {
    return undefined;
  }
}

/** Creates a folder with mode 700. An existing folder with other files keeps its mode. */
async function makePrivate(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if ((await namesIn(path)).every((name) => KNOWN_FILES.has(name))) await chmod(path, FOLDER_MODE);
}

/** Removes access of other users: PGlite ignores the umask and creates world-readable, world-writable files. */
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
