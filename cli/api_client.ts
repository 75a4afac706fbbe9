/** The CLI's client of the HTTP API. */
import { CeleriacError, ConfigurationError, Unavailable } from "../shared/errors.ts";
import type { Config } from "../shared/config/settings.ts";
import { configOf, type Given } from "./command.ts";
import { EXIT } from "./exit.ts";
import { parseExactly } from "./terminal/exact_json.ts";
import { printJson } from "./terminal/print.ts";

/** A record as the API returns it. */
export interface Answer {
  readonly id: string;
  readonly state: string;
  readonly [key: string]: unknown;
}

const FINAL = ["SUCCESS", "FAILURE", "REVOKED"];

interface RequestOptions {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Fetches a record.
 *
 * @throws {Unavailable} when the API is unreachable
 * @throws {ConfigurationError} when it answers with a problem */
export function ask(config: Config, path: string, init: RequestOptions = {}): Promise<Answer> {
  return request<Answer>(config, path, init);
}

/** Sends a request to the API and reads the JSON of the response. Numbers keep their digits when they are printed.
 *
 * @throws {Unavailable} when the API is unreachable
 * @throws {ConfigurationError} when it answers with a problem */
export async function request<Body>(
  config: Config,
  path: string,
  init: RequestOptions = {},
): Promise<Body> {
  const response = await open(config, path, init);
  const text = await response.text().catch((cause) => {
    throw new Unavailable(
      `Cannot read the response of the API at ${config.url} because ${reasonOf(cause)}: try again`,
      { cause },
    );
  });
  try {
    return parseExactly(text) as Body;
  } catch {
    return {} as Body; // such as 204
  }
}

/** Sends a command's request, with a body as JSON, and reads the JSON of the response.
 *
 * @param method default `GET`
 * @throws {Unavailable} when the API is unreachable
 * @throws {ConfigurationError} when it answers with a problem */
export function callApi<Body>(
  given: Given,
  path: string,
  method?: string,
  body?: unknown,
): Promise<Body> {
  return request(configOf(given), path, {
    ...(method !== undefined && { method }),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** Sends a request to the API.
 *
 * @throws {Unavailable} when the API is unreachable
 * @throws {ConfigurationError} when it answers with a problem */
export async function open(
  { url, apiToken }: Config,
  path: string,
  init: RequestOptions = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(new URL(path, url), {
      ...init,
      headers: {
        ...(init.body === undefined ? {} : { "content-type": "application/json" }),
        ...init.headers,
        ...(apiToken ? { authorization: `Bearer ${apiToken}` } : {}),
      },
    });
  } catch (cause) {
    throw new Unavailable(
      `Cannot reach the API at ${url} because ${reasonOf(cause)}: start it, or give --url`,
      { cause },
    );
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const problem = body.detail ?? body.title ?? response.statusText;
  const Refusal = response.status >= 500
    ? Unavailable
    : response.status === 404
    ? CeleriacError
    : ConfigurationError;
  throw new Refusal(`${response.status} ${problem}`);
}

/** Prints a record: for SUCCESS only the result, on standard output; otherwise state and error.
 *
 * @returns the exit code */
export function show(answer: Answer, options: { whole: boolean }): number {
  const final = FINAL.includes(answer.state);
  if (options.whole || !final) printJson(answer);
  else if (answer.state === "SUCCESS") printJson(answer.result);
  else {console.error(
      `celeriac: task ${answer.id} ended in ${answer.state}: ${errorLine(answer.error)}`,
    );}
  if (!final) {
    console.error(
      `celeriac: task ${answer.id} is ${answer.state}: ask again with \`deno task cli result ${answer.id}\``,
    );
    return EXIT.timeout;
  }
  return answer.state === "SUCCESS" ? EXIT.done : EXIT.failed;
}

function errorLine(error: unknown): string {
  if (typeof error !== "object" || error === null) return "no reason given";
  const { type = "Error", message = "" } = error as { type?: string; message?: string };
  return `${type}: ${message}`;
}

/** Deno's reason for a failed connection, without the address, which the message already contains. */
function reasonOf(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  const message = inner instanceof Error ? inner.message : String(inner);
  return message.replace(/^.*client error \(\w+\): /, "");
}
