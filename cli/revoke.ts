/** `cli.ts revoke`: call a task off. */
import { ConfigurationError } from "../shared/errors.ts";
import { ask } from "./client.ts";
import { type Command, configOf } from "./command.ts";
import { EXIT } from "./exit.ts";

/** Revokes a task. */
export const revoke: Command = {
  summary: "call a task off, or end it while it runs",
  usage: "ID [FLAGS]",
  details: [
    "A task that has not started will not; one that runs is refused unless --terminate is given.",
    "",
    "exit codes: 0 called off, or its worker was told; 1 not known; 2 refused; 3 API not reachable",
  ].join("\n"),
  role: "result",
  flags: {
    terminate: { help: "end it if it runs: a child process by SIGKILL" },
    unrecorded: { help: "also without a record: a task that another system has queued" },
  },
  async run(given) {
    const [id] = given.rest;
    if (!id) throw new ConfigurationError("Cannot revoke without an id: deno task cli revoke ID");
    const query = ["terminate", "unrecorded"].filter((flag) => flag in given.own)
      .map((flag) => `${flag}=true`).join("&");
    const { state } = await ask(
      configOf(given),
      `/v1/tasks/${encodeURIComponent(id)}${query && `?${query}`}`,
      { method: "DELETE" },
    );
    console.log(
      state === "REVOKED"
        ? `task ${id} is REVOKED`
        : `task ${id} is ${state}: its worker is told to end it`,
    );
    return EXIT.done;
  },
};
