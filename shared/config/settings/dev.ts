/** Settings of embedded mode. */
import { flag, setting, text } from "./setting.ts";

/** Settings of embedded mode. Durations are seconds. */
export const DEV_SETTINGS = {
  data: setting({
    env: "CELERIAC_DATA",
    schema: text.default(".celeriac"),
    value: "FOLDER",
    roles: ["dev"],
    help: "folder of the embedded database",
  }),
  ephemeral: setting({
    env: "CELERIAC_EPHEMERAL",
    schema: flag.default(false),
    roles: ["dev"],
    help: "keep everything in memory: a restart loses all tasks",
  }),
  reset: setting({
    env: "CELERIAC_RESET",
    schema: flag.default(false),
    roles: ["dev"],
    help: "empty the data folder before starting",
  }),
} as const;
