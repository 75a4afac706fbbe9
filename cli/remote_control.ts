/** Celery's remote control from the command line, shared by `inspect` and `control`. */
import type { AmqpBroker } from "../shared/broker/amqp/broker.ts";
import { closest } from "../shared/text/closest.ts";
import { BrokerUnavailable, ConfigurationError } from "../shared/errors.ts";
import { requestReplies } from "../shared/celery/control_client.ts";
import { declarationFor } from "../shared/broker/topology.ts";
import { configOf, type Given } from "./command.ts";
import { EXIT } from "./exit.ts";
import { printJson } from "./terminal/print.ts";
import { brokerOf } from "./servers.ts";

/** Timeout of the connection to the broker. */
const CONNECT_MS = 5000;

/** Remote commands and the names of their arguments, in the order they are given: `name?` may be left out, `name...` takes all that is left,
 * `name#` is a number. */
export type Signatures = Readonly<Record<string, string>>;

/** Flags of both commands. */
export const REMOTE_FLAGS = {
  node: { value: "NAMES", help: "comma-separated node names [all]" },
  timeout: { value: "SECONDS", help: "how long to wait for replies [1]" },
  json: { help: "print the replies as JSON, which is the default" },
} as const;

/** Help text: each remote command with its arguments. */
export function remoteDetails(signatures: Signatures): string {
  return [
    "Prints the reply of each node as JSON. Celery workers reply too.",
    "",
    ...Object.keys(signatures).map((method) => `  ${usage(method, signatures)}`),
    "",
    "exit codes: 0 done; 1 a node reports an error; 2 wrong usage; 3 broker not reachable; 4 no reply, or none from a node of --node",
  ].join("\n");
}

/** Sends one remote command and prints the answers.
 *
 * @param verb the command's own name
 * @returns the exit code
 * @throws {ConfigurationError} for an unknown command or invalid arguments */
export async function remote(given: Given, verb: string, signatures: Signatures): Promise<number> {
  const { rest: [method = "", ...values], own } = given;
  if (!Object.hasOwn(signatures, method)) {
    const near = closest(method, Object.keys(signatures));
    throw new ConfigurationError(
      `Cannot ${verb} '${method}' because there is no such command: ${
        near ? `did you mean '${near}'?` : `choose from ${Object.keys(signatures).join(", ")}`
      }`,
    );
  }
  const bound = bindRemote(method, values, signatures);
  const named = (own.node ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  const timeoutMs = 1000 * numberOf("--timeout", own.timeout ?? "1");
  await using broker = brokerOf(configOf(given), `celeriac ${verb}`);
  await connect(broker);
  const send = (command: string, destination: readonly string[], args = {}) =>
    requestReplies(broker, { method: command, arguments: args, destination }, { timeoutMs });

  // A worker that shuts down does not answer, so list the workers first.
  const answers = await send(method === "shutdown" ? "ping" : method, named, bound);
  const nodes = Object.keys(answers);
  if (method === "shutdown" && nodes.length > 0) {
    await requestReplies(broker, { method, arguments: {}, destination: nodes }, { timeoutMs: 0 });
    console.error(`celeriac: sent shutdown to ${nodes.join(", ")}`);
  } else printJson(answers);

  const silent = named.filter((name) => !nodes.includes(name));
  if (nodes.length === 0 || silent.length > 0) {
    const others = named.length > 0 ? Object.keys(await send("ping", [])) : [];
    console.error(`celeriac: ${describeSilence(verb, silent, others, timeoutMs)}`);
    return EXIT.timeout;
  }
  return Object.values(answers).some(isError) ? EXIT.failed : EXIT.done;
}

/** The error for missing answers.
 *
 * @param silent named nodes that did not answer
 * @param others nodes that answered */
export function describeSilence(
  verb: string,
  silent: readonly string[],
  others: readonly string[],
  timeoutMs: number,
): string {
  const whom = silent.length > 0 ? silent.map((name) => `'${name}'`).join(", ") : "any node";
  const remedy = others.length > 0
    ? `choose from the nodes that answer (${[...others].sort().join(", ")})`
    : "start a worker on the broker and vhost of AMQP_URL";
  return `Cannot ${verb} ${whom} because no answer came within ${
    timeoutMs / 1000
  } s: ${remedy}, or wait longer with --timeout`;
}

/** Maps positional arguments to names.
 *
 * @throws {ConfigurationError} when there are too few or too many, or one is not a number */
export function bindRemote(
  method: string,
  values: readonly string[],
  signatures: Signatures,
): Record<string, unknown> {
  const bound: Record<string, unknown> = {};
  const left = [...values];
  for (const parameter of (signatures[method] ?? "").split(" ").filter(Boolean)) {
    const [name = "", mark = ""] = parameter.split(/(?=[?#.])/, 2);
    if (left.length === 0 && !parameter.includes("?")) throw misfit(method, signatures);
    if (mark.startsWith(".")) bound[name] = left.splice(0);
    else {
      const value = left.shift();
      if (value === undefined) continue;
      bound[name] = parameter.includes("#") ? numberOf(name, value) : value;
    }
  }
  if (left.length > 0) throw misfit(method, signatures);
  return bound;
}

async function connect(broker: AmqpBroker): Promise<void> {
  await broker.start();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), CONNECT_MS);
  try {
    await broker.connected({ signal: late.signal });
  } catch (cause) {
    const { reason = "it does not answer" } = broker.status;
    throw new BrokerUnavailable(`Cannot reach the broker because ${reason}: see AMQP_URL`, {
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
  await broker.declare(declarationFor("inspect", []));
}

function usage(method: string, signatures: Signatures): string {
  const parameters = (signatures[method] ?? "").split(" ").filter(Boolean).map((parameter) => {
    const name = parameter.replaceAll(/[?#]/g, "").toUpperCase();
    return parameter.includes("?") ? `[${name}]` : name;
  });
  return [method, ...parameters].join(" ");
}

function misfit(method: string, signatures: Signatures): ConfigurationError {
  return new ConfigurationError(
    `Cannot run '${method}' because its arguments are invalid: give ${usage(method, signatures)}`,
  );
}

function numberOf(name: string, value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number) && number >= 0) return number;
  throw new ConfigurationError(
    `Cannot use '${value}' of ${name} because it is not a number: give one that is not below 0`,
  );
}

function isError(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && "error" in answer;
}
