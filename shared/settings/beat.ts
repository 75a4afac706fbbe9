/** Settings of schedulers. */
import { seconds, setting } from "./setting.ts";

/** Settings of schedulers. Durations are seconds. */
export const BEAT_SETTINGS = {
  beatLease: setting({
    env: "CELERIAC_BEAT_LEASE",
    schema: seconds.min(1).default(6),
    value: "SECONDS",
    roles: ["beat", "dev"],
    help: "time after which another scheduler takes over from one that is silent",
  }),
} as const;
