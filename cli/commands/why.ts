/** `cli.ts why`: print why a task does not run. */
import { ConfigurationError } from "../../shared/errors.ts";
import { callApi } from "../api_client.ts";
import type { Command } from "../command.ts";
import { printAnswer } from "../terminal/print.ts";

/** The printed fields of an answer. */
interface Answer {
  readonly id: string;
  readonly name: string | null;
  readonly state: string | null;
  readonly queue: string | null;
  readonly reasons: readonly {
    readonly code: string;
    readonly sentence: string;
    readonly remedy: string | null;
  }[];
  readonly unread: readonly { readonly fact: string; readonly reason: string }[];
}

/** Prints the reasons. */
export const why: Command = {
  summary: "print why a task is not running, and what to do about it",
  usage: "ID [FLAGS]",
  details: "exit codes: 0 done, 2 refused, 3 API not reachable",
  role: "result",
  flags: { json: { help: "print the response of the API as JSON" } },
  async run(given) {
    const [id] = given.rest;
    if (!id) {
      throw new ConfigurationError(
        "Cannot explain a task without an id: deno task cli why ID",
      );
    }
    const answer = await callApi<Answer>(given, `/v1/tasks/${encodeURIComponent(id)}/why`);
    return printAnswer(given, answer, words(answer));
  },
};

function words({ id, name, state, queue, reasons, unread }: Answer): string {
  const head = [`task ${id}`, name, state, queue].filter((part) => part !== null).join("  ");
  return [
    head,
    ...reasons.flatMap(({ code, sentence, remedy }) => [
      `${code}: ${sentence}`,
      ...(remedy === null ? [] : [`  ${remedy}`]),
    ]),
    ...unread.map(({ fact, reason }) => `not read: ${fact}: ${reason}`),
  ].join("\n");
}
