/** `cli.ts tasks`: print permissions and limits of tasks, and retry and rerun tasks. */
import { ConfigurationError } from "../../shared/errors.ts";
import { request } from "../api_client.ts";
import { egressPolicy, manifestRows } from "../manifest.ts";
import { loadRegistry, modulesOf } from "../app.ts";
import { columns } from "../terminal/columns.ts";
import { type Command, configOf, type Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printAnswer, printJson } from "../terminal/print.ts";
import { refuseArguments, refuseOtherFlags, subcommandOf } from "../terminal/arguments.ts";

const VERBS = ["list", "egress", "retry", "rerun"] as const;

/** Flags of each subcommand, besides `json`. */
const FLAGS: Readonly<Record<typeof VERBS[number], readonly string[]>> = {
  list: [],
  egress: [],
  retry: [],
  rerun: ["args", "kwargs", "idempotency-key"],
};

const COLUMNS = ["task", "runs", "may", "limits"] as const;

/** Prints the permissions and limits of all tasks, or retries or reruns one. */
export const tasks: Command = {
  summary: "print the permissions of each task or a NetworkPolicy, or retry or rerun a task",
  usage: "[list] | egress | retry ID | rerun ID [FLAGS]",
  words: VERBS,
  details: [
    "`egress` prints a Kubernetes NetworkPolicy as JSON (valid YAML), which lets workers reach the hosts that",
    "the contracts declare. A host outside the cluster becomes all public addresses on its port.",
    "",
    "`retry` sends a failed task again under the same id: its dead letters, or else its kept input.",
    "",
    "`rerun` submits the kept input of a record under a new id and prints the id. --args and --kwargs replace parts",
    "of the input. Without them it is refused if the record keeps no input.",
    "",
    "  deno task cli tasks rerun ID --kwargs='{\"order\":7}'",
    "",
    "exit codes: 0 done, 1 no such task, 2 refused, 3 API not reachable",
  ].join("\n"),
  role: "tasks",
  flags: {
    "args": {
      value: "JSON",
      help: "rerun: array of arguments by position, instead of the kept one",
    },
    "kwargs": {
      value: "JSON",
      help: "rerun: object of arguments by name, instead of the kept one",
    },
    "idempotency-key": {
      value: "KEY",
      help: "rerun: requests with the same key and input create one task",
    },
    "json": { help: "print JSON" },
  },
  async run(given) {
    const [word = "list", ...rest] = given.rest;
    const verb = subcommandOf(word, VERBS, "tasks");
    refuseOtherFlags(given, `tasks ${verb}`, FLAGS[verb]);
    if (verb === "retry") return await retry(given, rest);
    if (verb === "rerun") return await rerun(given, rest);
    refuseArguments(rest, `tasks ${verb}`);
    const registry = await loadRegistry(modulesOf(configOf(given), "api"));
    if (verb === "egress") printJson(egressPolicy(registry));
    else {
      const rows = manifestRows(registry);
      if ("json" in given.own) {
        printJson(
          rows.map((row) => Object.fromEntries(COLUMNS.map((name, at) => [name, row[at]]))),
        );
      } else console.log(columns(COLUMNS, rows));
    }
    return EXIT.done;
  },
};

async function retry(given: Given, [id, ...more]: readonly string[]): Promise<number> {
  if (!id) {
    throw new ConfigurationError("Cannot retry without an id: deno task cli tasks retry ID");
  }
  refuseArguments(more, "tasks retry ID");
  const answer = await request<{ id: string }>(
    configOf(given),
    `/v1/tasks/${encodeURIComponent(id)}/retry`,
    { method: "POST" },
  );
  return printAnswer(given, answer, answer.id);
}

async function rerun(given: Given, [id, ...more]: readonly string[]): Promise<number> {
  if (!id) {
    throw new ConfigurationError("Cannot rerun without an id: deno task cli tasks rerun ID");
  }
  refuseArguments(more, "tasks rerun ID");
  const { args, kwargs, "idempotency-key": key } = given.own;
  const parts = [
    ...args === undefined ? [] : [`"args":${jsonOf("args", args, "[")}`],
    ...kwargs === undefined ? [] : [`"kwargs":${jsonOf("kwargs", kwargs, "{")}`],
  ];
  const answer = await request<{ id: string }>(
    configOf(given),
    `/v1/tasks/${encodeURIComponent(id)}/rerun`,
    {
      method: "POST",
      body: `{${parts.join(",")}}`,
      ...(key !== undefined && { headers: { "idempotency-key": key } }),
    },
  );
  return printAnswer(given, answer, answer.id);
}

/** The JSON text of a flag, unchanged. */
function jsonOf(flag: string, text: string, begin: "[" | "{"): string {
  const kind = begin === "[" ? "array" : "object";
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new ConfigurationError(
      `Cannot use '${text}' of --${flag} because it is not JSON: give one ${kind}, in quotes`,
      { cause },
    );
  }
  if (text.trimStart().startsWith(begin)) return text;
  throw new ConfigurationError(
    `Cannot use '${text}' of --${flag} because it is not an ${kind}: give one, in quotes`,
  );
}
