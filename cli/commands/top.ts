/** `cli.ts top`: show queues, workers and rates while they change. */
import { type Command, configOf } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../terminal/print.ts";
import { showLive } from "../top/live.ts";
import { TopReader } from "../top/reader.ts";
import { render } from "../top/render.ts";
import { hasTerminal, Screen } from "../top/screen.ts";
import { PARTS, snapshotBody } from "../top/snapshot.ts";

/** Shows the present load. */
export const top: Command = {
  summary: "show queues, workers and rates while they change",
  details: [
    "Shows the depth and consumers of each queue, workers with their running tasks, and tasks, failures and retries per second",
    "over the last minute. The view is refreshed every second and fits the terminal. `q` quits.",
    "",
    "With --once or --json, and without a terminal, it prints one view and ends. A key needs the scopes `workers:read` and",
    "`tasks:read`; each part that cannot be read shows the reason.",
    "",
    "exit codes: 0 done, 2 refused, 3 API not reachable, or a part could not be read with --once or --json",
  ].join("\n"),
  role: "result",
  flags: {
    once: { help: "print the view once, without control of the terminal" },
    json: { help: "print one snapshot as JSON" },
  },
  async run(given) {
    const stop = new AbortController();
    const reader = new TopReader(configOf(given), stop.signal);
    await reader.readAll();
    if ("json" in given.own) printJson(snapshotBody(reader.snapshot, new Date()));
    else if ("once" in given.own || !hasTerminal()) {
      console.log(render(reader.snapshot, { now: new Date() }).join("\n"));
    } else {
      using screen = new Screen();
      screen.open();
      await showLive(reader, screen, stop);
      return EXIT.done;
    }
    const { snapshot } = reader;
    return PARTS.some((part) => snapshot[part].error !== null) ? EXIT.unreachable : EXIT.done;
  },
};
