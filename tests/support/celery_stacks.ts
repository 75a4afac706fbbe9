/** Installs old and new releases of Celery, each in a virtual environment under `~/.cache/celeriac`. The folder name contains a hash of
 * the packages, so checkouts with different packages do not disturb each other.
 * @module
 */
import { fileURLToPath } from "node:url";
import { Process, run } from "./process.ts";
import { toolFolder } from "./tool_folder.ts";

/** `c57`: the newest of 2026. `c52`: the release of Debian 12, whose py-amqp misreads integers. `c56`: its workers write
 * REVOKED over any other state. */
export type StackName = "c52" | "c56" | "c57";

/** The stacks of all interop tests; the others cover behavior of one release. */
export const STACKS = ["c52", "c57"] as const;

/** Celery sets no upper bounds for kombu and py-amqp: without these pins an old Celery gets new ones. Django and its packages come with
 * all, Flower and the SDK of CloudEvents with the newest. */
const requirements: Readonly<Record<StackName, readonly string[]>> = {
  c52: [
    ...["celery==5.2.7", "kombu==5.2.4", "amqp==5.1.1", "vine==5.0.0", "setuptools<80"],
    ...["Django==3.2.25", "django-celery-results==2.4.0", "django-celery-beat==2.4.0"],
    ...["psycopg2-binary==2.9.13", "pytz"],
  ],
  c56: [
    ...["celery==5.6.3", "kombu==5.6.2", "amqp==5.3.1"],
    ...["Django==5.2.19", "django-celery-results==2.6.0", "psycopg[binary]==3.3.9"],
  ],
  c57: [
    ...["celery==5.7.0", "kombu==5.7.0", "amqp==5.4.2", "flower==2.2.0"],
    ...["Django==5.2.19", "django-celery-results==2.6.0", "django-celery-beat==2.9.0"],
    ...["psycopg[binary]==3.3.9", "cloudevents==2.2.0"],
  ],
};

/** Celery 5.2.7 needs 3.11 or older; the newer ones run on any. */
const pythons: Readonly<Record<StackName, readonly string[]>> = {
  c52: ["python3.11", "python3.10", "python3.9"],
  c56: ["python3.11", "python3.12", "python3.13"],
  c57: ["python3.11", "python3.12", "python3.13", "python3"],
};

/** Variables of every Python program. */
export const PYTHON_ENVIRONMENT = { C_FORCE_ROOT: "1", PYTHONDONTWRITEBYTECODE: "1" };
const folder = toolFolder();
const installTimeoutMs = 5 * 60_000;

/** Runs the tests' Python programs with one stack. */
export class CeleryStack {
  readonly name: StackName;
  /** Path of the interpreter. */
  readonly python: string;

  constructor(name: StackName, python: string) {
    this.name = name;
    this.python = python;
  }

  /** Runs a script until it exits and returns its output.
   *
   * @param script URL of the file
   * @param options.url AMQP URL with its vhost, as the variable `BROKER`
   * @param options.env additional variables
   * @param options.timeoutMs default 30,000
   * @throws if the exit code is not 0 */
  async run(
    script: URL,
    args: readonly string[],
    options: { url?: string; env?: Record<string, string>; timeoutMs?: number } = {},
  ): Promise<string> {
    const { url, timeoutMs = 30_000 } = options;
    const env = {
      ...PYTHON_ENVIRONMENT,
      ...url === undefined ? {} : { BROKER: url },
      ...options.env,
    };
    return await run(this.python, [fileURLToPath(script), ...args], { env, timeoutMs });
  }

  /** Starts a program of Celery, such as `beat`.
   *
   * @param options.env additional variables */
  start(
    args: readonly string[],
    { cwd, env }: { cwd: string; env: Record<string, string> },
  ): Process {
    const command = ["-m", "celery", ...args];
    return Process.start(this.python, command, {
      cwd,
      env: { ...PYTHON_ENVIRONMENT, ...env },
      ownGroup: true,
    });
  }

  /** Starts a worker with one process for the app of a script, and waits until it consumes.
   *
   * @param options.url AMQP URL with its vhost
   * @param options.flags additional flags of `celery worker`
   * @param options.app module of the app; default the script's name
   * @param options.cwd default the script's folder
   * @param options.env additional variables */
  async worker(
    script: URL,
    options: {
      url: string;
      flags?: readonly string[];
      app?: string;
      cwd?: string;
      env?: Record<string, string>;
    },
  ): Promise<Process> {
    const file = fileURLToPath(script);
    const { app = file.slice(file.lastIndexOf("/") + 1, -".py".length) } = options;
    const { cwd = fileURLToPath(new URL(".", script)) } = options;
    const worker = Process.start(
      this.python,
      ["-m", "celery", "-A", app, "worker", "-c", "1", "-l", "INFO", ...options.flags ?? []],
      {
        cwd,
        env: { ...PYTHON_ENVIRONMENT, ...options.env, BROKER: options.url },
        ownGroup: true,
      },
    );
    try {
      await worker.said(/ ready\./, { timeoutMs: 60_000 });
      return worker;
    } catch (error) {
      await worker[Symbol.asyncDispose]();
      throw error;
    }
  }
}

/** Finds or creates the environment of a stack. Creating it takes half a minute and a network.
 *
 * @throws if no suitable Python is installed, or if pip fails */
export async function celeryStack(name: StackName): Promise<CeleryStack> {
  const wanted = requirements[name].join("\n");
  const directory = `${folder}${name}-${await digest(wanted)}`;
  const python = `${directory}/bin/python`;
  const done = `${directory}/requirements.txt`;
  await Deno.mkdir(folder, { recursive: true });
  using lock = await Deno.open(`${directory}.lock`, { create: true, write: true });
  await lock.lock(true); // another test file may be creating it
  if (await Deno.readTextFile(done).catch(() => "") !== wanted) {
    await Deno.remove(directory, { recursive: true }).catch(() => {});
    await run(await findPython(name), ["-m", "venv", directory], { timeoutMs: installTimeoutMs });
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    await run(python, [...pip, ...requirements[name]], { timeoutMs: installTimeoutMs });
    await Deno.writeTextFile(done, wanted);
  }
  return new CeleryStack(name, python);
}

/** Returns the first hexadecimal digits of a text's SHA-256. */
async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex().slice(0, 8);
}

async function findPython(name: StackName): Promise<string> {
  for (const python of pythons[name]) {
    const found = await run(python, ["--version"]).then(() => true, () => false);
    if (found) return python;
  }
  throw new Error(
    `Cannot create the Celery stack ${name} because none of ${
      pythons[name].join(", ")
    } is installed: ` +
      "install one, on Debian with: apt-get install python3.11 python3.11-venv",
  );
}
