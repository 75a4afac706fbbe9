/** Settings of schedulers. */
import { seconds, setting, text } from "./setting.ts";

/** Settings of schedulers. Durations are seconds. */
export const BEAT_SETTINGS = {
  beatLease: setting({
    env: "CELERIAC_BEAT_LEASE",
    schema: seconds({ min: 1 }).default(6),
    value: "SECONDS",
    roles: ["beat", "dev"],
    help: "time after which another scheduler takes over from one that is silent",
  }),
  djangoSchedules: setting({
    env: "CELERIAC_DJANGO_SCHEDULES",
    schema: text.optional(),
    defaultText: "off",
    value: "QUEUE",
    roles: ["beat"],
    help:
      "also send what django-celery-beat's tables say; tasks that no contract names go to this queue unless their row has one (Celery's own is `celery`)",
  }),
} as const;
