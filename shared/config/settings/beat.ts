/** Settings of schedulers. */
import { count, seconds, setting, text } from "./setting.ts";

/** Settings of schedulers. Durations are seconds. */
export const BEAT_SETTINGS = {
  beatLease: setting({
    env: "CELERIAC_BEAT_LEASE",
    schema: seconds({ min: 1 }).default(6),
    value: "SECONDS",
    roles: ["beat", "dev"],
    help: "time without a renewal after which another beat becomes the leader",
  }),
  eventMaxBytes: setting({
    env: "CELERIAC_EVENT_MAX_BYTES",
    schema: count({ min: 1024, max: 64 * 1024 * 1024 }).default(8 * 1024 * 1024),
    value: "BYTES",
    roles: ["beat", "dev"],
    help: "maximum size of an event's message from RabbitMQ; a larger one becomes a dead letter",
  }),
  djangoSchedules: setting({
    env: "CELERIAC_DJANGO_SCHEDULES",
    schema: text.optional(),
    defaultText: "off",
    value: "QUEUE",
    roles: ["beat"],
    help:
      "also send the schedules of django-celery-beat; QUEUE is for tasks that have no contract and no queue in their row (Celery's default is `celery`)",
  }),
} as const;
