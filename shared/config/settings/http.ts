/** Settings of HTTP servers and of the clients that call them. */
import { z } from "zod";
import { count, flag, list, port, RUNNING, seconds, setting, text, url } from "./setting.ts";

/** Commands that send requests to the API. */
const CLIENTS = [
  "call",
  "result",
  "tasks",
  "schedules",
  "events",
  "subscriptions",
  "pause",
  "dead",
  "key",
] as const;

/** Settings of HTTP servers and of the clients that call them. Durations are seconds. */
export const HTTP_SETTINGS = {
  host: setting({
    env: "HOST",
    schema: text.default("127.0.0.1"),
    value: "ADDRESS",
    roles: RUNNING,
    help: "address to listen on; beyond loopback the API requires a token or --open",
  }),
  port: setting({
    env: "PORT",
    schema: port.default(8000),
    value: "PORT",
    roles: ["api", "dev"],
    help: "port of the API; 0 picks a free port",
  }),
  healthPort: setting({
    env: "HEALTH_PORT",
    schema: port.default(0),
    value: "PORT",
    roles: ["api", "worker", "beat"],
    help:
      "port of /livez, /readyz and /metrics; 0 picks a free port; the API always serves them at PORT, where /metrics needs the token, and for it 0 means no second port",
  }),
  startupErrorSeconds: setting({
    env: "CELERIAC_STARTUP_ERROR_SECONDS",
    schema: seconds().default(0),
    variableOnly: true,
    roles: ["api", "worker", "beat", "migrate", "definitions"],
    help:
      "for containers: how long a role that cannot start reports the reason at /readyz before it exits; if not 0, it also waits for missing secret files",
  }),
  apiToken: setting({
    env: "CELERIAC_API_TOKEN",
    schema: text.min(16, "it has fewer than 16 characters: make a longer one").optional(),
    defaultText: "none",
    value: "TOKEN",
    secret: true,
    roles: ["api", "dev", ...CLIENTS],
    help: "bearer token with all rights; commands can send an API key or a JWT instead",
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
        "expected comma-separated host names without scheme and port, or *",
      ),
    )).default([]),
    defaultText: "none",
    value: "NAMES",
    roles: ["api", "dev"],
    help:
      "comma-separated host names that the API accepts besides loopback; other `Host` headers are refused if this is set, or if the API listens on loopback without a token; `*` allows all",
  }),
  url: setting({
    env: "CELERIAC_URL",
    schema: url(/^https?$/, "http://127.0.0.1:8000").default("http://127.0.0.1:8000"),
    value: "URL",
    roles: CLIENTS,
    help: "URL of the API",
  }),
  eventsOpen: setting({
    env: "CELERIAC_EVENTS_OPEN",
    schema: flag.default(false),
    roles: ["api", "dev"],
    help: "accept events whose type has no contract",
  }),
  maxWait: setting({
    env: "CELERIAC_MAX_WAIT",
    schema: seconds().default(60),
    value: "SECONDS",
    roles: ["api", "dev"],
    help: "maximum of ?wait= and Prefer: wait=",
  }),
  maxWaiting: setting({
    env: "CELERIAC_MAX_WAITING",
    schema: count({ max: 1_000_000 }).default(4000),
    value: "N",
    roles: ["api", "dev"],
    help:
      "maximum number of requests that wait for a result or follow events; further ones get a 503; each takes about 100 kB of memory",
  }),
  resultCache: setting({
    env: "CELERIAC_RESULT_CACHE",
    schema: count({ min: 0 }).default(10_000),
    value: "N",
    roles: ["api", "dev"],
    help: "number of final results cached in memory; 0 turns the cache off",
  }),
} as const;
