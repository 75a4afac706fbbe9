/** `cli.ts beat`: run the scheduler. */
import { Beat } from "../../beat/main.ts";
import { listen } from "../../shared/runtime/listen.ts";
import { startLog } from "../../shared/telemetry/log.ts";
import { loadEvents, loadRegistry, loadSchedules, modulesOf } from "../app.ts";
import { type Command, configOf } from "../command.ts";
import { EXIT } from "../exit.ts";
import { brokerOf, databaseOf } from "../servers.ts";
import { stopSignal } from "../signals.ts";

/** Runs a scheduler until it receives a signal to stop. */
export const beat: Command = {
  summary: "run the scheduler",
  role: "beat",
  details: [
    "You can run several: one is the leader, and another takes over when the leader stops. Schedules come",
    "from the contracts module and from `deno task cli schedules add`.",
  ].join("\n"),
  async run(given) {
    const config = configOf(given);
    await startLog({ level: config.logLevel, format: config.logFormat });
    const modules = modulesOf(config, "beat");
    const registry = await loadRegistry(modules);
    const schedules = await loadSchedules(modules);
    const { events } = await loadEvents(modules);
    await using broker = brokerOf(config, "celeriac beat");
    await using forwarding = brokerOf(config, "celeriac beat events");
    await using database = databaseOf(config, "celeriac beat");
    const parts = { config, registry, schedules, events, broker, forwarding, database };
    const node = new Beat(parts);
    await broker.start();
    await forwarding.start();
    await database.start();
    const stopped = stopSignal(() => Deno.exit(EXIT.failed));
    await using health = listen(
      { hostname: config.host, port: config.healthPort, flag: "--health-port" },
      node.health().fetch,
    );
    await node.start();
    console.log(
      `Celeriac beat ${node.node} ready; health at http://${health.addr.hostname}:${health.addr.port}/readyz`,
    );
    await stopped;
    await node.stop();
    return EXIT.done;
  },
};
