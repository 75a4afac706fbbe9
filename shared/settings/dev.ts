/** Settings of embedded mode. */
import { flag, port, setting, text } from "./setting.ts";

/** Where the embedded database serves. Any user of this machine can connect, and nobody else. */
export const DATABASE_HOST = "127.0.0.1";

/** Settings of embedded mode. Durations are seconds. */
export const DEV_SETTINGS = {
  data: setting({
    env: "CELERIAC_DATA",
    schema: text.default(".celeriac"),
    value: "FOLDER",
    roles: ["dev"],
    help: "folder of the embedded database",
  }),
  databasePort: setting({
    env: "CELERIAC_DATABASE_PORT",
    schema: port.optional(),
    defaultText: "none",
    value: "PORT",
    roles: ["dev"],
    help:
      `port of ${DATABASE_HOST} on which the embedded database serves psql and drivers; 0 takes a free one`,
  }),
  ephemeral: setting({
    env: "CELERIAC_EPHEMERAL",
    schema: flag.default(false),
    roles: ["dev"],
    help: "keep everything in memory only: a restart forgets all tasks",
  }),
  reset: setting({
    env: "CELERIAC_RESET",
    schema: flag.default(false),
    roles: ["dev"],
    help: "empty the data folder first",
  }),
} as const;
