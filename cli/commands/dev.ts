/** `cli.ts dev`: API, worker and beat in one process, on a broker in memory and an embedded Postgres. */
import { Api } from "../../api/main.ts";
import { Beat } from "../../beat/main.ts";
import { startLog } from "../../shared/telemetry/log.ts";
import { declarationFor } from "../../shared/broker/topology.ts";
import { WorkerProcess } from "../../workers/main.ts";
import {
  loadEvents,
  loadHandlers,
  loadListeners,
  loadRegistry,
  loadSchedules,
  modulesOf,
} from "../app.ts";
import { type Command, configOf } from "../command.ts";
import { Embedded } from "../dev/embedded.ts";
import { firstStep } from "../dev/first_steps.ts";
import { runReloading } from "../dev/reloader.ts";
import { mayLaunch } from "../launch/command_line.ts";
import { EXIT } from "../exit.ts";
import { stopSignal } from "../signals.ts";

/** Runs all roles without external servers. */
export const dev: Command = {
  summary: "run API, worker and beat in one process, without any server",
  role: "dev",
  details: [
    "Records, unfinished tasks and the outbox are stored in --data and survive a restart;",
    "--ephemeral keeps them in memory. For development on one machine: use servers in production.",
    "",
    "If it has permission to read all files and the environment and to run Deno, it starts the app in a child",
    "process with exactly the permissions that `permissions dev` prints, and reloads the app's modules when they change.",
  ].join("\n"),
  flags: {
    check: { help: "load the app, print its errors, and exit" },
  },
  async run(given) {
    const config = configOf(given);
    if (mayLaunch()) return await runReloading(config, given.args);
    const log = await startLog({ level: config.logLevel, format: config.logFormat });
    const modules = modulesOf(config, "dev");
    const registry = await loadRegistry(modules);
    const handlers = await loadHandlers(modules, registry);
    const listeners = await loadListeners(modules);
    const schedules = await loadSchedules(modules);
    const { events, subscriptions } = await loadEvents(modules);
    if (given.own.check) return EXIT.done;
    await using embedded = await Embedded.claim(config);
    const { broker, database } = embedded;
    const api = new Api({ config, registry, events, subscriptions, broker, database });
    api.listen();
    await embedded.open(api.url);
    await broker.declare(declarationFor("dev", registry.queues));

    const worker = new WorkerProcess({
      config: { ...config, unknownTaskWait: 0 }, // there is no other worker
      registry,
      handlers,
      listeners,
      events,
      modules,
      broker,
      database,
      log,
    });
    const beat = new Beat({ config, registry, schedules, events, broker, database, relayed: true });
    const stopped = stopSignal(() => worker.hurry());
    await Promise.all([api.start(), worker.start(), beat.start()]);
    console.log(`Celeriac dev ready at ${api.url} (reference: ${api.url}/docs)`);
    const where = config.ephemeral ? "nothing outlives this process" : `data in ${config.data}`;
    console.log(`Broker in memory, embedded Postgres: ${where}. Try:`);
    console.log(`  ${firstStep(api.url, registry)}`);
    if (!config.apiToken) {
      console.log(
        "OPEN ACCESS: no token is required, so every program that reaches this address has all rights. Set CELERIAC_API_TOKEN to require one.",
      );
    }
    await Promise.race([stopped, worker.askedToStop]);
    await beat.stop();
    await worker.stop();
    await api.stop();
    return EXIT.done;
  },
};
