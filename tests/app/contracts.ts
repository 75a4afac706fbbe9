/** Contracts of the test app, whose tasks misbehave on request.
 * @module
 */
import { defineEvent, defineTask, on, z } from "../../shared/mod.ts";

const sleepShape = {
  input: z.object({ seconds: z.number().min(0).max(3600) }),
  output: z.object({ slept: z.number() }),
};

/** Sleeps until its time is up or its signal aborts. */
export const sleep = defineTask({ name: "test.sleep", ...sleepShape });

/** The same in a child process. */
export const sleepProcess = defineTask({
  name: "test.sleep_process",
  ...sleepShape,
  run: "process",
});

/** Sleeps with a library that throws its own `AbortError` when it is aborted. */
export const pauseProcess = defineTask({
  name: "test.pause_process",
  ...sleepShape,
  run: "process",
});

/** Always throws a `Refusal` with a cause; has one attempt. */
export const fail = defineTask({
  name: "test.fail",
  input: z.object({ message: z.string().default("refused") }),
});

/** The same in a child process. */
export const failProcess = defineTask({
  name: "test.fail_process",
  input: fail.input,
  run: "process",
});

/** Fails the given number of attempts, then returns the number of the attempt. 5 attempts, 50, 100, 200 and 400 ms apart. */
export const flaky = defineTask({
  name: "test.flaky",
  input: z.object({ failures: z.int().min(0) }),
  output: z.object({ attempt: z.int() }),
  retry: { maxAttempts: 5, base: 0.05, jitter: 0 },
});

const retryShape = {
  input: z.object({ countdown: z.number().optional() }),
  output: z.object({ attempt: z.int() }),
};

/** Throws `Retry` on its first attempt, then returns the number of the attempt. */
export const retry = defineTask({ name: "test.retry", ...retryShape });

/** The same in a child process. */
export const retryProcess = defineTask({
  name: "test.retry_process",
  ...retryShape,
  run: "process",
});

/** Throws `Reject`. */
export const reject = defineTask({
  name: "test.reject",
  input: z.object({ message: z.string().default("set aside") }),
});

/** The same in a child process. */
export const rejectProcess = defineTask({
  name: "test.reject_process",
  input: reject.input,
  run: "process",
});

/** Blocks its child process with a busy loop: forever, or for `seconds`. */
export const block = defineTask({
  name: "test.block",
  input: z.object({ seconds: z.number().min(0).optional() }),
  run: "process",
});

/** Blocks the worker's event loop. */
export const blockInline = defineTask({
  name: "test.block_inline",
  input: z.object({ milliseconds: z.int().min(0).max(60_000) }),
});

/** Exits its child process with a code. */
export const exit = defineTask({
  name: "test.exit",
  input: z.object({ code: z.int().min(0).max(255).default(3) }),
  run: "process",
});

/** Allocates memory until its child process crashes. */
export const hoard = defineTask({ name: "test.hoard", input: z.object({}), run: "process" });

/** Causes an uncaught error in a timer of `node:timers` and in a promise: before its end (it then waits for its signal) or after. */
export const uncaught = defineTask({
  name: "test.uncaught",
  input: z.object({ late: z.boolean().default(false), times: z.int().default(1) }),
});

/** The same in a child process. */
export const uncaughtProcess = defineTask({
  name: "test.uncaught_process",
  input: uncaught.input,
  run: "process",
});

/** Throws one of the values of `unreadable.ts`. */
export const unreadable = defineTask({
  name: "test.unreadable",
  input: z.object({ what: z.string() }),
});

/** The same in a child process. */
export const unreadableProcess = defineTask({
  name: "test.unreadable_process",
  input: unreadable.input,
  run: "process",
});

/** Leaves a promise that rejects after the task's end, which ends its child process. */
export const stray = defineTask({ name: "test.stray", input: z.object({}), run: "process" });

/** Writes arbitrary bytes to the channel between its child process and the worker. */
export const corrupt = defineTask({ name: "test.corrupt", input: z.object({}), run: "process" });

/** Kills the worker on the first delivery of its first attempt (or on each, with `always`). */
export const crash = defineTask({
  name: "test.crash",
  input: z.object({ always: z.boolean().default(false) }),
});

/** Appends a line to a file, so that a test can count runs. Then it waits for another file, if one is named. */
export const count = defineTask({
  name: "test.count",
  input: z.object({
    file: z.string(),
    line: z.string().default("ran"),
    until: z.string().optional(),
  }),
});

/** Runs until a file exists. */
export const hold = defineTask({ name: "test.hold", input: z.object({ file: z.string() }) });

/** Returns its argument. */
export const echo = defineTask({ name: "test.echo", input: z.object({ value: z.unknown() }) });

/** Something happened. */
export const happened = defineEvent({
  type: "test.eu.happened",
  data: z.object({ value: z.unknown() }),
  attributes: { tenant: z.string().optional() },
});

/** Echoes the value of what happened. */
export const echoed = on(happened, { name: "test-echo", task: echo });

/** Counts what happened to the tenant `counted`: its value names the file. */
export const counted = on("test.*.happened", {
  name: "test-count",
  task: count,
  args: { file: "/data/value", line: "/id" },
  where: { tenant: "counted" },
});

/** The same in a child process. */
export const echoProcess = defineTask({
  name: "test.echo_process",
  input: echo.input,
  run: "process",
});

const bigShape = {
  input: z.object({ bytes: z.int().min(0).max(100_000_000) }),
  output: z.string(),
};

/** Returns a text of the given number of bytes. */
export const big = defineTask({ name: "test.big", ...bigShape });

/** The same in a child process. */
export const bigProcess = defineTask({ name: "test.big_process", ...bigShape, run: "process" });

/** Has an input schema that JSON Schema cannot express: formats, defaults, transforms, a rule for two fields. */
export const typed = defineTask({
  name: "test.typed",
  input: z.object({
    email: z.email(),
    since: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
    copies: z.int().min(1).max(10).default(1),
    tags: z.array(z.string().min(1)).max(3).default([]),
    from: z.number(),
    to: z.number(),
  }).refine(({ from, to }) => from <= to, { message: "must not be below 'from'", path: ["to"] }),
  output: z.object({
    email: z.string(),
    since: z.string(),
    copies: z.int(),
    tags: z.array(z.string()),
  }),
  run: "process",
});

const spanShape = { input: z.object({ name: z.string() }) };

/** Creates a span. */
export const span = defineTask({ name: "test.span", ...spanShape });

/** The same in a child process. */
export const spanProcess = defineTask({
  name: "test.span_process",
  ...spanShape,
  run: "process",
});

const progressShape = {
  input: z.object({ steps: z.int().min(1).max(1000), milliseconds: z.int().min(0).default(10) }),
  output: z.object({ steps: z.int() }),
};

/** Reports progress in the given number of steps, then returns that number. */
export const progress = defineTask({ name: "test.progress", ...progressShape });

/** The same in a child process, without a pause between the steps. */
export const progressProcess = defineTask({
  name: "test.progress_process",
  ...progressShape,
  run: "process",
});

/** Writes to every output stream and to its log. */
export const print = defineTask({
  name: "test.print",
  input: z.object({ text: z.string() }),
  run: "process",
});

/** Returns the permissions of its process. */
export const permissions = defineTask({
  name: "test.permissions",
  input: z.object({}),
  run: "process",
});

/** Writes its id into table `ledger` in the transaction that makes its result final, and submits a follower there. */
export const complete = defineTask({
  name: "test.complete",
  input: z.object({ seconds: z.number().default(0), then: z.string().optional() }),
});

/** Requires permissions that a child process cannot have. */
export const completeProcess = defineTask({
  name: "test.complete_process",
  input: z.object({}),
  run: "process",
});

/** Kills the worker on each of its runs, after the given number of seconds. */
export const poison = defineTask({
  name: "test.poison",
  input: z.object({ seconds: z.number().default(0.2) }),
  retry: true,
});

/** Returns the message data in its context. */
export const request = defineTask({ name: "test.request", input: z.object({}) });

/** The same in a child process. */
export const requestProcess = defineTask({
  name: "test.request_process",
  input: z.object({}),
  run: "process",
});

const sendShape = {
  input: z.object({
    work: z.record(z.string(), z.unknown()),
    replace: z.boolean().default(false),
    key: z.string().optional(),
    /** Number of first attempts that fail after their submission. */
    failures: z.int().default(0),
  }),
  retry: { maxAttempts: 5, base: 0.01, jitter: 0 },
};

/** Submits work and returns the response, or replaces itself with it. */
export const send = defineTask({ name: "test.send", ...sendShape });

/** The same in a child process. */
export const sendProcess = defineTask({
  name: "test.send_process",
  ...sendShape,
  run: "process",
  submits: true,
});

/** The same in a child process without the permission. */
export const sendConfined = defineTask({
  name: "test.send_confined",
  ...sendShape,
  retry: false,
  run: "process",
});
