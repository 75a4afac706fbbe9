/** `cli.ts call`: submit a task and print its result. */
import { ConfigurationError } from "../../shared/errors.ts";
import { ask, show } from "../api_client.ts";
import { type Command, configOf } from "../command.ts";
import { numericFlags } from "../terminal/arguments.ts";
import { parseExactly } from "../terminal/exact_json.ts";
import { printAnswer } from "../terminal/print.ts";

/** Default seconds to wait for the result. */
const DEFAULT_WAIT = 30;

/** Milliseconds after which a notice says that the task takes a while. */
const SLOW_MS = 1000;

/** Submits a task. */
export const call: Command = {
  summary: "submit a task and print its result",
  usage: "NAME [KEY=VALUE ...] [FLAGS]",
  details: [
    "A value that is valid JSON is parsed as JSON; any other value is a string. who=123 is a number, 'who=\"123\"' a string.",
    "KEY=@FILE reads a string from a file, KEY=@base64:FILE the file's bytes as base64.",
    "A single JSON object passes all arguments at once.",
    "",
    "  deno task cli call add x=2 y=3",
    "  deno task cli call text.statistics text=@README.md",
    "  deno task cli call image.thumbnail image=@base64:photo.jpg max_side=64",
    "",
    "exit codes: 0 success, 1 the task failed, 2 refused, 3 API not reachable, 4 not finished in time",
  ].join("\n"),
  role: "call",
  flags: {
    wait: {
      value: "SECONDS",
      help: `how long to wait for the result [${DEFAULT_WAIT}; 0 prints only the id]`,
    },
    countdown: { value: "SECONDS", help: "delay before the task may start" },
    queue: { value: "NAME", help: "queue to send the task to" },
    priority: { value: "N", help: "priority of the message, 0 to 255" },
    "idempotency-key": {
      value: "KEY",
      help: "requests with the same key and input create one task",
    },
    whole: { help: "print the whole record instead of the result" },
    json: { help: "print the response of the API as JSON: the record, as --whole does" },
  },
  async run(given) {
    const config = configOf(given);
    const [name, ...pairs] = given.rest;
    if (!name) {
      throw new ConfigurationError(
        "Cannot call without a task's name: deno task cli call NAME [KEY=VALUE ...]",
      );
    }
    const { wait = DEFAULT_WAIT } = numericFlags(given.own, "wait");
    const { queue, "idempotency-key": key } = given.own;
    const options = {
      ...numericFlags(given.own, "countdown", "priority"),
      ...(queue !== undefined && { queue }),
    };
    const kwargs = argumentsOf(pairs);
    const patience = setTimeout(
      () => console.error(`celeriac: waiting for '${name}', up to ${wait} s`),
      SLOW_MS,
    );
    const answer = await ask(config, `/v1/tasks/${encodeURIComponent(name)}`, {
      method: "POST",
      body: JSON.stringify({ kwargs, options }),
      headers: {
        ...(wait > 0 && { prefer: `wait=${wait}` }),
        ...(key !== undefined && { "idempotency-key": key }),
      },
    }).finally(() => clearTimeout(patience));
    if (wait > 0) return show(answer, { whole: "whole" in given.own || "json" in given.own });
    return printAnswer(given, answer, answer.id);
  },
};

/** Parses `KEY=VALUE` pairs into keyword arguments. */
export function argumentsOf(pairs: readonly string[]): Record<string, unknown> {
  if (pairs.length === 1 && pairs[0]!.trimStart().startsWith("{")) {
    try {
      return parseExactly(pairs[0]!) as Record<string, unknown>;
    } catch (cause) {
      throw new ConfigurationError(
        `Cannot read the arguments because ${(cause as Error).message}: give one JSON object`,
        { cause },
      );
    }
  }
  return Object.fromEntries(pairs.map((pair) => {
    const equals = pair.indexOf("=");
    if (equals < 1) {
      throw new ConfigurationError(
        `Cannot read argument '${pair}' because it is not KEY=VALUE: write ${pair}=...`,
      );
    }
    return [pair.slice(0, equals), valueOf(pair.slice(equals + 1))];
  }));
}

function valueOf(text: string): unknown {
  if (text.startsWith("@base64:")) return read(text.slice(8)).toBase64();
  if (text.startsWith("@")) return new TextDecoder().decode(read(text.slice(1)));
  try {
    return parseExactly(text);
  } catch {
    return text;
  }
}

function read(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (cause) {
    throw new ConfigurationError(
      `Cannot read '${path}' because ${(cause as Error).message}: check the path`,
      { cause },
    );
  }
}
