/** `cli.ts revoke`: revoke a task. */
import { ConfigurationError } from "../../shared/errors.ts";
import { ask } from "../api_client.ts";
import { type Command, configOf } from "../command.ts";
import { printAnswer } from "../terminal/print.ts";

/** Revokes a task. */
export const revoke: Command = {
  summary: "revoke a task, or terminate it while it runs",
  usage: "ID [FLAGS]",
  details: [
    "A task that has not started will not run. To stop a running task, pass --terminate; without it, the request is refused.",
    "",
    "exit codes: 0 revoked, or the command was sent to its worker; 1 not found; 2 refused; 3 API not reachable",
  ].join("\n"),
  role: "result",
  flags: {
    terminate: { help: "terminate a running task; kills its child process with SIGKILL" },
    json: { help: "print the record as JSON" },
    unrecorded: { help: "also revoke an id without a record: a task of another system" },
  },
  async run(given) {
    const [id] = given.rest;
    if (!id) throw new ConfigurationError("Cannot revoke without an id: deno task cli revoke ID");
    const query = ["terminate", "unrecorded"].filter((flag) => flag in given.own)
      .map((flag) => `${flag}=true`).join("&");
    const answer = await ask(
      configOf(given),
      `/v1/tasks/${encodeURIComponent(id)}${query && `?${query}`}`,
      { method: "DELETE" },
    );
    const { state } = answer;
    return printAnswer(
      given,
      answer,
      state === "REVOKED"
        ? `task ${id} is REVOKED`
        : `task ${id} is ${state}: its worker was asked to terminate it`,
    );
  },
};
