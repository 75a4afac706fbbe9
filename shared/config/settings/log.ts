/** Settings of the log. */
import { oneOf, setting } from "./setting.ts";

/** Settings of the log. Durations are seconds. */
export const LOG_SETTINGS = {
  logLevel: setting({
    env: "CELERIAC_LOG_LEVEL",
    schema: oneOf(["debug", "info", "warning", "error"]).default("info"),
    value: "LEVEL",
    roles: ["api", "worker", "beat", "dev", "migrate"],
    help: "debug, info, warning or error",
  }),
  logFormat: setting({
    env: "CELERIAC_LOG_FORMAT",
    schema: oneOf(["text", "json"]).default("text"),
    value: "FORMAT",
    roles: ["api", "worker", "beat", "dev", "migrate"],
    help: "text or json; one line per entry, on standard error",
  }),
} as const;
