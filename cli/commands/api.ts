/** `cli.ts api`: accept tasks over HTTP and publish them. */
import { Api } from "../../api/main.ts";
import { startLog } from "../../shared/telemetry/log.ts";
import { loadEvents, loadRegistry, modulesOf } from "../app.ts";
import { type Command, configOf } from "../command.ts";
import { EXIT } from "../exit.ts";
import { brokerOf, databaseOf } from "../servers.ts";
import { stopSignal } from "../signals.ts";

/** Runs the API until it receives a signal to stop. */
export const api: Command = {
  summary: "accept tasks over HTTP and publish them",
  role: "api",
  async run(given) {
    const config = configOf(given);
    await startLog({ level: config.logLevel, format: config.logFormat });
    const modules = modulesOf(config, "api");
    const registry = await loadRegistry(modules);
    const { events, subscriptions } = await loadEvents(modules);
    await using broker = brokerOf(config, "celeriac api");
    await using database = databaseOf(config, "celeriac api");
    const server = new Api({ config, registry, events, subscriptions, broker, database });
    await broker.start();
    await database.start();
    const stopped = stopSignal(() => Deno.exit(EXIT.failed));
    await server.start();
    console.log(`Celeriac API ready at ${server.url} (reference: ${server.url}/docs)`);
    await stopped;
    await server.stop();
    return EXIT.done;
  },
};
