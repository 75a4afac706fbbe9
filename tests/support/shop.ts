/** Runs the Django project of `examples/django/` with one release of Celery and Django, together with Celeriac's roles.
 * @module
 */
import { fileURLToPath } from "node:url";
import { type CeleryStack, celeryStack, type StackName } from "./celery_stacks.ts";
import { type Pipeline, pipelineOn } from "./pipeline.ts";
import type { Process } from "./process.ts";
import { checkout, migrate, startApi, startWorker } from "./roles.ts";
import { freshDatabase, freshVhost } from "./servers.ts";

/** Who creates the tables of django-celery-results. */
export type TablesBy = "django" | "celeriac";

/** The running shop. */
export interface Shop extends AsyncDisposable {
  readonly stack: CeleryStack;
  readonly pipeline: Pipeline;
  /** Variables of Celeriac's roles. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs `manage.py`. @returns its output */
  manage(...args: string[]): Promise<string>;
  /** Runs a script with the project's modules. @returns its output
   *
   * @param timeoutMs default 120,000 */
  script(file: URL, args?: readonly string[], timeoutMs?: number): Promise<string>;
  /** Starts a Python worker of the project. */
  pythonWorker(...flags: string[]): Promise<Process>;
  /** Starts another program of Celery for the project, such as `beat`. */
  celery(...args: string[]): Process;
}

const project = `${checkout}examples/django`;
const url = (path: string) => new URL(`../../${path}`, import.meta.url);

/** Variables of the project's Python processes.
 *
 * @param settings file with settings that replace the project's */
function djangoOf(settings?: URL): { DJANGO_SETTINGS_MODULE: string; PYTHONPATH: string } {
  if (!settings) return { DJANGO_SETTINGS_MODULE: "shop.settings", PYTHONPATH: project };
  const file = fileURLToPath(settings);
  const module = file.slice(file.lastIndexOf("/") + 1, -".py".length);
  const folder = fileURLToPath(new URL(".", settings));
  return { DJANGO_SETTINGS_MODULE: module, PYTHONPATH: `${project}:${folder}` };
}

/** Creates a vhost of classic queues and a database with Django's and Celeriac's tables; starts no program.
 *
 * @param options.tables who creates the tables of results; default Django
 * @param options.settings file with settings that replace the project's */
export async function freshShop(
  name: StackName,
  { tables = "django", settings }: { tables?: TablesBy; settings?: URL } = {},
): Promise<Shop> {
  await using parts = new AsyncDisposableStack();
  const stack = await celeryStack(name);
  const vhost = parts.use(await freshVhost({ defaultQueueType: "classic" }));
  const database = parts.use(await freshDatabase());
  const python = {
    ...djangoOf(settings),
    CELERY_BROKER_URL: vhost.url,
    DATABASE_URL: database.url,
  };
  const manage = (...args: string[]) =>
    stack.run(url("examples/django/manage.py"), args, { env: python, timeoutMs: 120_000 });
  if (tables === "celeriac") {
    await migrate(database.url, { CELERIAC_RESULTS: "django" });
    await manage("migrate", "--fake", "django_celery_results", "-v", "0");
  }
  await manage("migrate", "-v", "0");
  if (tables === "django") await migrate(database.url, { CELERIAC_RESULTS: "django" });
  const pipeline = parts.use(await pipelineOn(vhost, database));
  const owned = parts.move();
  return {
    stack,
    pipeline,
    env: {
      ...pipeline.env,
      CELERIAC_RESULTS: "django",
      CELERIAC_CONTRACTS: fileURLToPath(url("tests/interop/django/contracts.ts")),
      CELERIAC_HANDLERS: fileURLToPath(url("tests/interop/django/handlers.ts")),
    },
    manage,
    script: (file, args = [], timeoutMs = 120_000) =>
      stack.run(file, args, { env: python, timeoutMs }),
    pythonWorker: (...flags) =>
      stack.worker(url("examples/django/shop/celery.py"), {
        url: vhost.url,
        app: "shop",
        cwd: project,
        env: python,
        flags,
      }),
    celery: (...args) => stack.start(["-A", "shop", ...args], { cwd: project, env: python }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts Celeriac's API and worker for the shop. Disposing stops both.
 *
 * @returns the API's URL and the worker's process */
export async function openShop(
  shop: Shop,
  env: Readonly<Record<string, string>> = {},
): Promise<AsyncDisposable & { url: string; worker: Process }> {
  await using parts = new AsyncDisposableStack();
  const options = { env: { ...shop.env, ...env } };
  const { api, url } = await startApi(options);
  parts.use(api);
  const worker = parts.use(await startWorker(options));
  const owned = parts.move();
  return { url, worker, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
