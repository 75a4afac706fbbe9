/** Settings of what listens, and of who calls it. */
import { z } from "zod";
import { count, flag, list, port, RUNNING, seconds, setting, text, url } from "./setting.ts";

/** Settings of what listens, and of who calls it. Durations are seconds. */
export const HTTP_SETTINGS = {
  host: setting({
    env: "HOST",
    schema: text.default("127.0.0.1"),
    value: "ADDRESS",
    roles: RUNNING,
    help: "address to listen on; beyond loopback the API wants a token or --open",
  }),
  port: setting({
    env: "PORT",
    schema: port.default(8000),
    value: "PORT",
    roles: ["api", "dev"],
    help: "port of the API; 0 takes a free one",
  }),
  healthPort: setting({
    env: "HEALTH_PORT",
    schema: port.default(0),
    value: "PORT",
    roles: ["api", "worker", "beat"],
    help:
      "port of /livez, /readyz and /metrics; 0 takes a free one, but none for the API, which has them at PORT, too, /metrics for holders of the token",
  }),
  explain: setting({
    env: "CELERIAC_EXPLAIN",
    schema: seconds().default(0),
    value: "SECONDS",
    roles: ["api", "worker", "beat", "migrate", "definitions"],
    help:
      "how long a role that cannot start as it is configured answers /readyz with the reason before it ends, or, if not 0, that a secret's file that is missing is waited for; by the variable only, for containers",
  }),
  apiToken: setting({
    env: "CELERIAC_API_TOKEN",
    schema: text.min(16, "it has fewer than 16 characters: make a longer one").optional(),
    defaultText: "none",
    value: "TOKEN",
    secret: true,
    roles: ["api", "dev", "call", "result", "schedules", "dead"],
    help: "bearer token that callers must show",
  }),
  open: setting({
    env: "CELERIAC_OPEN",
    schema: flag.default(false),
    roles: ["api", "dev"],
    help: "serve beyond loopback without a token",
  }),
  allowedHosts: setting({
    env: "CELERIAC_ALLOWED_HOSTS",
    schema: list.pipe(z.array(
      z.string().regex(
        /^(\*|[\w.-]+|\[[\da-fA-F:.]+\])$/,
        "expected host names with commas between, without scheme and port, or *",
      ),
    )).default([]),
    defaultText: "none",
    value: "NAMES",
    roles: ["api", "dev"],
    help:
      "host names that the API answers by, besides loopback's, comma-separated; every other `Host` is refused if this is set, or if the API is on loopback without a token; `*` allows all",
  }),
  url: setting({
    env: "CELERIAC_URL",
    schema: url(/^https?$/, "http://127.0.0.1:8000").default("http://127.0.0.1:8000"),
    value: "URL",
    roles: ["call", "result", "schedules", "dead"],
    help: "where the API is",
  }),
  maxWait: setting({
    env: "CELERIAC_MAX_WAIT",
    schema: seconds().default(60),
    value: "SECONDS",
    roles: ["api", "dev"],
    help: "longest ?wait= and Prefer: wait=",
  }),
  maxWaiting: setting({
    env: "CELERIAC_MAX_WAITING",
    schema: count({ max: 1_000_000 }).default(4000),
    value: "N",
    roles: ["api", "dev"],
    help:
      "callers that wait for a result or follow events at once; more are answered 503; each takes about 100 kB of memory",
  }),
  resultCache: setting({
    env: "CELERIAC_RESULT_CACHE",
    schema: count({ min: 0 }).default(10_000),
    value: "N",
    roles: ["api", "dev"],
    help: "final results kept in memory; 0 turns the cache off",
  }),
} as const;
