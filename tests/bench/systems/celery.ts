/** Celery with its results in Django's tables or as `rpc://` messages.
 * @module
 */
import { celeryStack, PYTHON_ENVIRONMENT } from "../../support/celery_stacks.ts";
import { Process, run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";
import { type Env, startProgram } from "../kit/program.ts";
import { clientCommands } from "./client_commands.ts";
import { completionsOf } from "./completions.ts";
import type { Ability, Bench, OpenSystem, System } from "./system.ts";

const FOLDER = `${checkout}tests/bench/peers/celery`;

/** Worker processes: one per core of the reference machine. */
const CONCURRENCY = 2;

/** Celery runs some hundred tasks a second with django-db. */
const SHARE = 0.04;

const MIGRATION_LIMIT_MS = 120_000;

/** A choice of settings. */
interface Variant {
  readonly name: string;
  readonly durability: string;
  readonly abilities: readonly Ability[];
  /** Variables of `bench_app.py`. */
  readonly env: Env;
}

const VARIANTS: readonly Variant[] = [
  {
    name: "Celery, defaults",
    durability: "classic queue, unconfirmed; ack before the run; result fsynced",
    abilities: ["endToEnd"],
    env: { RESULTS: "django-db" },
  },
  {
    name: "Celery, reused connections",
    durability: "classic queue, unconfirmed; ack before the run; result fsynced",
    abilities: ["endToEnd", "drain", "submit"],
    env: { RESULTS: "django-db", REUSE: "1" },
  },
  {
    name: "Celery, quorum, confirms, late acks",
    durability: "quorum queue, confirmed; result fsynced before the ack",
    abilities: ["endToEnd", "drain", "submit"],
    env: { RESULTS: "django-db", REUSE: "1", SAFE: "1" },
  },
  {
    name: "Celery, rpc://",
    durability: "classic queue, unconfirmed; ack before the run; result in memory",
    abilities: ["call", "pickUp"],
    env: { RESULTS: "rpc://", REUSE: "1" },
  },
];

/** Celery in all measured variants. */
export function celeryVariants(): System[] {
  return VARIANTS.map(({ env, ...variant }) => ({
    ...variant,
    peer: true,
    share: SHARE,
    open: (bench) => openCelery(bench, env),
  }));
}

async function openCelery(bench: Bench, variant: Env): Promise<OpenSystem> {
  const { python } = await celeryStack("c57");
  await using stack = new AsyncDisposableStack();
  const storage = stack.use(await bench.servers.freshStorage("empty"));
  const env = {
    ...PYTHON_ENVIRONMENT,
    ...variant,
    BROKER: storage.amqpUrl,
    DATABASE_URL: storage.databaseUrl,
    DJANGO_SETTINGS_MODULE: "bench_settings",
    PYTHONPATH: FOLDER,
  };
  const options = { cwd: FOLDER, env };
  await run(python, ["-m", "django", "migrate", "-v", "0"], {
    ...options,
    timeoutMs: MIGRATION_LIMIT_MS,
  });
  const client = stack.use(
    await startProgram(python, [`${FOLDER}/bench_client.py`], options),
  );
  const workers: number[] = [];
  const owned = stack.move();
  return {
    parts: () => ({
      client: [client.pid],
      worker: workers,
      broker: [bench.servers.rabbitmq.pid],
      database: [bench.servers.postgres.pid],
    }),
    async startWorkers() {
      const worker = owned.use(
        Process.start(python, workerCommand(), { ...options, ownGroup: true }),
      );
      await worker.said(/^ready$/m);
      workers.push(worker.pid);
    },
    ...clientCommands(client),
    ...completionsOf(storage.client, {
      table: "django_celery_results_taskresult",
      completed: "status = 'SUCCESS'",
      time: "date_done",
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Without the gossip that a single worker does not need. */
function workerCommand(): string[] {
  const quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"];
  return ["-m", "celery", "-A", "bench_app", "worker", "-c", `${CONCURRENCY}`, ...quiet];
}
