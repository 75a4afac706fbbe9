/** `cli.ts worker`: consume tasks and run them. */
import { parseAmqpUrls } from "../../shared/broker/amqp/address.ts";
import { listen } from "../../shared/runtime/listen.ts";
import { startLog } from "../../shared/telemetry/log.ts";
import { WorkerProcess } from "../../workers/main.ts";
import { loadEvents, loadHandlers, loadListeners, loadRegistry, modulesOf } from "../app.ts";
import { type Command, configOf } from "../command.ts";
import { EXIT } from "../exit.ts";
import { brokerOf, databaseOf } from "../servers.ts";
import { stopSignal } from "../signals.ts";

/** Runs a worker until it receives a signal to stop. */
export const worker: Command = {
  summary: "consume tasks and run them",
  role: "worker",
  details:
    "On SIGTERM, running tasks get --grace seconds to finish; all other deliveries are requeued. A second SIGTERM ends the grace.",
  async run(given) {
    const config = configOf(given);
    const log = await startLog({ level: config.logLevel, format: config.logFormat });
    const modules = modulesOf(config, "worker");
    const registry = await loadRegistry(modules);
    const handlers = await loadHandlers(modules, registry);
    await using broker = brokerOf(config, "celeriac worker");
    await using database = databaseOf(config, "celeriac worker");
    const node = new WorkerProcess({
      config,
      registry,
      handlers,
      listeners: await loadListeners(modules),
      events: (await loadEvents(modules)).events,
      modules,
      broker,
      addresses: parseAmqpUrls(config.amqpUrl),
      database,
      log,
    });
    await broker.start();
    await database.start();
    const stopped = stopSignal(() => node.hurry());
    await using health = listen(
      { hostname: config.host, port: config.healthPort, flag: "--health-port" },
      node.health().fetch,
    );
    const ready = node.start().then(() => node.consuming()).then((consumes) =>
      consumes && console.log(
        `Celeriac worker ${node.node} ready: consuming ${
          node.queues.join(", ")
        }; health at http://${health.addr.hostname}:${health.addr.port}/readyz`,
      )
    );
    const over = Promise.race([stopped, node.askedToStop]);
    await Promise.race([over, ready]);
    await over;
    await node.stop();
    console.log(`Celeriac worker ${node.node} stopped`);
    return EXIT.done;
  },
};
