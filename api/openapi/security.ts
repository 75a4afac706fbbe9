/** Security of the OpenAPI document: schemes, and the scopes of each operation. */
import { ROUTE_SCOPES } from "../access/route_scopes.ts";
import type { Required } from "../access/scopes.ts";
import { type Operation, type Paths, problems } from "./routes.ts";

/** Schemes. All three are sent as `Authorization: Bearer ...`. */
export const SECURITY_SCHEMES = {
  key: {
    type: "http",
    scheme: "bearer",
    description: "An API key, `celk_...`: `deno task cli key create`",
  },
  jwt: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "A JWT of CELERIAC_JWT_ISSUER, with the scopes of CELERIAC_JWT_GRANTS",
  },
  token: {
    type: "http",
    scheme: "bearer",
    description: "The operator's token CELERIAC_API_TOKEN, with all scopes",
  },
} as const;

/** Any of the schemes, with these scopes. In OpenAPI 3.1 a bearer scheme lists the required roles. */
function requirements(scopes: readonly string[]): object[] {
  return [{ key: [...scopes] }, { jwt: [...scopes] }, { token: [] }];
}

/** What any secured operation accepts. */
export const ANY_SCHEME = requirements([]);

/** Paths whose parameters have no name, so that the two notations are comparable. */
const ANONYMOUS = new Map(
  Object.entries(ROUTE_SCOPES).map(([route, required]) => [
    route.replaceAll(/(?<=\/):\w+/g, "{}"),
    required,
  ]),
);

/** What an operation requires.
 *
 * @param path of the document, such as `/v1/tasks/{id}`; its last word may stand for a parameter, such as the name of one task
 * @returns `undefined` when the table of routes lacks it
 *
 * @example
 * ```ts
 * import { requiredFor } from "./security.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(requiredFor("get", "/v1/tasks/{id}"), ["tasks:read"]);
 * assertEquals(requiredFor("post", "/v1/tasks/orders.confirm"), ["tasks:submit"]);
 * assertEquals(requiredFor("get", "/v1/events/stream"), ["events:read"]);
 * ```
 */
export function requiredFor(method: string, path: string): Required | undefined {
  const route = `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, "{}")}`;
  return ANONYMOUS.get(route) ?? ANONYMOUS.get(route.replace(/(?<=\/)[^/]+$/, "{}"));
}

const QUOTA_HEADERS = {
  "Retry-After": { description: "Seconds", schema: { type: "string" } },
  "RateLimit-Policy": { description: "Limit and window", schema: { type: "string" } },
  "RateLimit": { description: "Requests left, and seconds", schema: { type: "string" } },
};

/** Adds the responses of all requests except probes: unknown host and, with authentication, 401, 403 and 429 and the scopes. */
export function guarded(paths: Paths, secured: boolean): Paths {
  const refused = {
    ...problems("unauthorized")[401],
    headers: { "WWW-Authenticate": { schema: { type: "string" } } },
  };
  const limited = { ...problems("rate-limited")[429], headers: QUOTA_HEADERS };
  const access = { ...problems("forbidden", "cross-site"), 401: refused, 429: limited };
  const answers = { ...problems("wrong-host"), ...(secured && access) };
  const guard = (operation: Operation, method: string, path: string): Operation => {
    if ("security" in operation) return operation;
    const required = requiredFor(method, path);
    return {
      ...operation,
      ...(secured && Array.isArray(required) && { security: requirements(required) }),
      responses: { ...operation["responses"] as object, ...answers },
    };
  };
  return mapValues(
    paths,
    (path, name) => mapValues(path, (operation, method) => guard(operation, method, name)),
  );
}

function mapValues<Value, Result>(
  values: Readonly<Record<string, Value>>,
  change: (value: Value, name: string) => Result,
): Record<string, Result> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, change(value, name)]),
  );
}
