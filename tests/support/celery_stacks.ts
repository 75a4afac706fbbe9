/** Real Celery, old and new, each in a virtual environment under `.venv/` that is made once and kept. Its folder is named after what is
 * in it: checkouts that want other packages leave each other's alone.
 * @module
 */
import { fileURLToPath } from "node:url";
import { Process, run } from "./process.ts";

/** `c57`: the newest of 2026. `c52`: what Debian 12 has, with the py-amqp that misreads integers. `c56`: the release whose workers write
 * REVOKED over whatever is there. */
export type StackName = "c52" | "c56" | "c57";

/** The stacks that every claim is shown for; the others are for what only they do. */
export const STACKS = ["c52", "c57"] as const;

/** Celery does not pin kombu and py-amqp from above: without these an old one gets the new ones. Django and its companions come with
 * all, Flower with the newest. */
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
    ...["psycopg[binary]==3.3.9"],
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
const folder = fileURLToPath(new URL("../../.venv/", import.meta.url));
const installTimeoutMs = 5 * 60_000;

/** Python programs of the tests, run by one stack. */
export class CeleryStack {
  readonly name: StackName;
  /** Path of its interpreter. */
  readonly python: string;

  constructor(name: StackName, python: string) {
    this.name = name;
    this.python = python;
  }

  /** Runs a script to its end and returns what it said.
   *
   * @param script URL of the file
   * @param options.url AMQP URL with its vhost, as the variable `BROKER`
   * @param options.env more variables
   * @param options.timeoutMs default 30,000
   * @throws when it does not exit with 0 */
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

  /** Starts one of Celery's programs, such as `beat`.
   *
   * @param options.env more variables */
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

  /** Starts a worker of one process on the app of a script, and waits until it consumes.
   *
   * @param options.url AMQP URL with its vhost
   * @param options.flags more flags of `celery worker`
   * @param options.app module of the app; default the script's name
   * @param options.cwd default the script's folder
   * @param options.env more variables */
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

/** Finds or makes the environment of a stack; making it takes half a minute and a network.
 *
 * @throws when there is no fitting Python, or pip fails */
export async function celeryStack(name: StackName): Promise<CeleryStack> {
  const wanted = requirements[name].join("\n");
  const directory = `${folder}${name}-${await digest(wanted)}`;
  const python = `${directory}/bin/python`;
  const done = `${directory}/requirements.txt`;
  await Deno.mkdir(folder, { recursive: true });
  using lock = await Deno.open(`${directory}.lock`, { create: true, write: true });
  await lock.lock(true); // another test file may be about to make it, too
  if (await Deno.readTextFile(done).catch(() => "") !== wanted) {
    await Deno.remove(directory, { recursive: true }).catch(() => {});
    await run(await findPython(name), ["-m", "venv", directory], { timeoutMs: installTimeoutMs });
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    await run(python, [...pip, ...requirements[name]], { timeoutMs: installTimeoutMs });
    await Deno.writeTextFile(done, wanted);
  }
  return new CeleryStack(name, python);
}

/** The first characters of a text's SHA-256, in hexadecimal. */
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
    `Cannot make the Celery stack ${name} because there is none of ${pythons[name].join(", ")}: ` +
      "install one, on Debian with: apt-get install python3.11 python3.11-venv",
  );
}
