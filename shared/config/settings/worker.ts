/** Settings of workers. */
import { count, decimal, flag, list, oneOf, seconds, setting, text } from "./setting.ts";

/** Settings of workers. Durations are seconds. */
export const WORKER_SETTINGS = {
  queues: setting({
    env: "CELERIAC_QUEUES",
    schema: list.default([]),
    defaultText: "those of the contracts",
    value: "NAMES",
    roles: ["worker"],
    help: "comma-separated queues to consume",
  }),
  concurrency: setting({
    env: "CELERIAC_CONCURRENCY",
    schema: count({ max: 10_000 }).default(32),
    value: "N",
    roles: ["worker", "dev"],
    help: "maximum number of inline handlers that run at once in one worker",
  }),
  prefetchFactor: setting({
    env: "CELERIAC_PREFETCH_FACTOR",
    schema: decimal({ min: 1, max: 100 }).default(8),
    value: "N",
    roles: ["worker", "dev"],
    help:
      "maximum number of unacked deliveries per slot (inline handler or child process); slow tasks get fewer; lower it if messages are large",
  }),
  leaseAfter: setting({
    env: "CELERIAC_LEASE_AFTER",
    schema: seconds({ min: 0.1, max: 86_400 }).default(300),
    value: "SECONDS",
    roles: ["worker", "dev"],
    help:
      "age at which an unacked delivery moves to the outbox: leased if its task runs, requeued if it still waits; must be less than half of the broker's consumer timeout",
  }),
  parkMax: setting({
    env: "CELERIAC_PARK_MAX",
    schema: count({ max: 100_000_000 }).default(1_000_000),
    value: "N",
    roles: ["worker", "dev"],
    help:
      "number of parked messages of all pauses at which workers stop consuming the queues of paused tasks; the messages then stay in the queue",
  }),
  parkMaxBytes: setting({
    env: "CELERIAC_PARK_MAX_BYTES",
    schema: count({ max: 1024 * 1024 * 1024 * 1024 }).default(2 * 1024 * 1024 * 1024),
    value: "BYTES",
    roles: ["worker", "dev"],
    help: "the same limit for the bytes of the bodies of parked messages",
  }),
  consumerIdleTimeout: setting({
    env: "CELERIAC_CONSUMER_IDLE_TIMEOUT",
    schema: seconds({ min: 1, max: 3600 }).default(10),
    value: "SECONDS",
    roles: ["api", "worker", "dev"],
    help:
      "time without deliveries after which a consumer with free capacity is replaced; the broker then delivers messages that it withheld from the old one",
  }),
  processes: setting({
    env: "CELERIAC_PROCESSES",
    schema: count({ max: 256 }).default(2),
    value: "N",
    roles: ["worker", "dev"],
    help: "number of warm child processes per set of permissions",
  }),
  heapMb: setting({
    env: "CELERIAC_HEAP_MB",
    schema: count({ min: 16 }).default(256),
    value: "MIB",
    roles: ["worker", "dev"],
    help: "heap limit of a child process in MiB",
  }),
  folderMb: setting({
    env: "CELERIAC_FOLDER_MB",
    schema: count({ max: 1_048_576 }).default(256),
    value: "MIB",
    roles: ["worker", "dev"],
    help: "disk space in MiB that one task may use in the folder of its child process",
  }),
  loopBound: setting({
    env: "CELERIAC_LOOP_BOUND",
    schema: seconds({ min: 0.05 }).default(0.5),
    value: "SECONDS",
    roles: ["worker", "dev"],
    help:
      "time after which an inline handler that blocks the event loop is reported in the log, a metric and the record",
  }),
  childTasks: setting({
    env: "CELERIAC_CHILD_TASKS",
    schema: count().default(10_000),
    value: "N",
    roles: ["worker", "dev"],
    help: "number of tasks after which a child process is replaced",
  }),
  sandboxFolder: setting({
    env: "CELERIAC_SANDBOX_FOLDER",
    schema: text.regex(/^\//, "it is not an absolute path: begin it with /").default(
      "/tmp/celeriac",
    ),
    value: "FOLDER",
    roles: ["worker", "dev"],
    help: "parent of the private folders of child processes whose contract requests one",
  }),
  unknownTaskWait: setting({
    env: "CELERIAC_UNKNOWN_TASK_WAIT",
    schema: seconds().default(600),
    value: "SECONDS",
    roles: ["worker"],
    help:
      "how long a task without a handler is requeued for other workers before it becomes a dead letter; set it longer than a rolling update takes",
  }),
  resultMaxBytes: setting({
    env: "CELERIAC_RESULT_MAX_BYTES",
    schema: count({ min: 1024, max: 64 * 1024 * 1024 }).default(4 * 1024 * 1024),
    value: "BYTES",
    roles: ["worker", "dev"],
    help: "maximum size of a result as JSON; a task that returns more ends as FAILURE",
  }),
  inputMaxBytes: setting({
    env: "CELERIAC_INPUT_MAX_BYTES",
    schema: count({ min: 0, max: 8 * 1024 * 1024 }).default(64 * 1024),
    value: "BYTES",
    roles: ["worker", "dev"],
    help:
      "maximum size of an input that a record keeps, as JSON; the record says that a larger one was omitted",
  }),
  grace: setting({
    env: "CELERIAC_GRACE",
    schema: seconds().default(25),
    value: "SECONDS",
    roles: ["worker", "dev"],
    help: "time for running tasks to finish after SIGTERM",
  }),
  node: setting({
    env: "CELERIAC_NODE",
    schema: text.max(100, "it has more than 100 characters: shorten it").regex(
      /^[^\s@]+@[^\s@]+$/,
      "it is not like name@host: write celeriac@host-1",
    ).optional(),
    defaultText: "celeriac@<host>-<random>",
    value: "NAME",
    roles: ["worker", "dev"],
    help: "node name of the worker; must be unique",
  }),
  remoteControl: setting({
    env: "CELERIAC_REMOTE_CONTROL",
    schema: oneOf(["all", "inspect", "off"]).default("all"),
    value: "COMMANDS",
    roles: ["worker", "dev"],
    help: "remote control commands that the worker runs: all, inspect (read-only commands) or off",
  }),
  events: setting({
    env: "CELERIAC_EVENTS",
    schema: flag.default(true),
    roles: ["worker"],
    help:
      "publish task events to the exchange `celeryev`; without them a waiting request gets its result up to a second later",
  }),
} as const;
