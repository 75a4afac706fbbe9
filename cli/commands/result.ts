/** `cli.ts result`: print a task's record. */
import { ConfigurationError } from "../../shared/errors.ts";
import { ask, show } from "../api_client.ts";
import { type Command, configOf } from "../command.ts";

/** Prints a record. */
export const result: Command = {
  summary: "print a task's record",
  usage: "ID [FLAGS]",
  details:
    "exit codes: 0 success, 1 the task failed or was not found, 2 refused, 3 API not reachable, 4 not finished yet",
  role: "result",
  flags: {
    wait: { value: "SECONDS", help: "how long to wait for the final state" },
    short: { help: "print only the result" },
    json: { help: "print the record as JSON, which is the default" },
  },
  async run(given) {
    const [id] = given.rest;
    if (!id) {
      throw new ConfigurationError(
        "Cannot look up a record without an id: deno task cli result ID",
      );
    }
    const { wait, short, json } = given.own;
    if (short !== undefined && json !== undefined) {
      throw new ConfigurationError(
        "Cannot use --short because --json prints the whole record: give one of both",
      );
    }
    const query = wait === undefined ? "" : `?wait=${encodeURIComponent(wait)}`;
    const answer = await ask(configOf(given), `/v1/tasks/${encodeURIComponent(id)}${query}`);
    return show(answer, { whole: short === undefined });
  },
};
