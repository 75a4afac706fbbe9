/** Log lines for task events, as Celery's workers print them: received, then the outcome. */
import { formatDuration } from "../shared/text/duration.ts";
import type { EventListener, TaskEvent } from "../shared/telemetry/events.ts";
import type { Log } from "../shared/telemetry/log.ts";

/** Characters of a result in a log line. The record has the full result. */
const MAX_RESULT = 80;

/** Creates a listener of {@linkcode Events} that logs them as `worker`. */
export function logTaskEvents(log: Log): EventListener {
  return (event) => {
    if (FREQUENT.has(event.type) && !log.writes("info")) return;
    const line = lineOf(event);
    if (!line) return;
    const [level, message, more] = line;
    const fields = { task: event.name, task_id: event.id, ...more };
    log.write(
      level,
      "worker",
      `${event.name ?? "message"}[${event.id ?? "no id"}] ${message}`,
      fields,
    );
  };
}

/** Events of every task. Their level is `info`. */
const FREQUENT: ReadonlySet<TaskEvent["type"]> = new Set(["task-received", "task-succeeded"]);

type Line = readonly [Parameters<Log["write"]>[0], string, Record<string, unknown>];

function lineOf(event: TaskEvent): Line | undefined {
  switch (event.type) {
    case "task-received":
      return ["info", "received", { queue: event.queue }];
    case "task-succeeded": {
      const { runtime, result } = event;
      return ["info", `succeeded in ${formatDuration(runtime)}: ${shortened(result)}`, { runtime }];
    }
    case "task-failed": {
      const { runtime, exception, traceback } = event;
      const after = runtime === null ? "" : ` after ${formatDuration(runtime)}`;
      const message = `failed${after}: ${worded(exception)}${frames(traceback)}`;
      return ["error", message, { runtime, exception }];
    }
    case "task-retried": {
      const { delay, exception, traceback } = event;
      const message = `failed, next attempt in ${formatDuration(delay)}: ${worded(exception)}`;
      return ["warning", message + frames(traceback), { delay, exception }];
    }
    case "task-revoked": {
      const reason = reasonOf(event);
      return ["info", `revoked: ${reason}`, { reason }];
    }
    case "task-deferred": {
      if (event.why === "paused") return ["info", "is paused: stored until it is resumed", {}];
      const due = event.until.toISOString();
      switch (event.why) {
        case "unknown": {
          const message = `is unknown to this worker: offered to other workers again at ${due}`;
          return ["warning", message, { due }];
        }
        case "duplicate":
          return ["info", `is already in flight: this copy is sent again at ${due}`, { due }];
        case "parked":
          return ["info", `waited too long in this worker: sent again at ${due}`, { due }];
        case "early":
          return ["info", `stored until it is due at ${due}`, { due }];
      }
      break;
    }
    case "task-rejected": {
      const { reason, message } = event;
      return ["error", `dead-lettered (${reason}): ${message}`, { reason }];
    }
    case "task-violated": {
      const { violation, what } = event;
      return ["warning", `exceeded its contract (${violation}): ${what}`, { violation, what }];
    }
    case "task-blocked": {
      const { seconds, sure } = event;
      const maybe = sure ? "" : " (or another task that ran beside it)";
      const message = `blocked the event loop for ${formatDuration(seconds)}${maybe}`;
      return ["warning", `${message}: make it await, or set run: "process"`, { seconds, sure }];
    }
    case "task-uncaught": {
      const { traceback, late } = event;
      const when = late ? " after its run had ended" : "";
      return ["error", `left an error uncaught${when}: ${traceback.replaceAll("\n    ", "\n")}`, {
        late,
      }];
    }
  }
}

function reasonOf({ terminated, expired }: TaskEvent & { type: "task-revoked" }): string {
  if (terminated) return "terminated on request";
  return expired ? "expired before it started" : "revoked before it started";
}

function shortened(result: string): string {
  return result.length <= MAX_RESULT ? result : `${result.slice(0, MAX_RESULT)}...`;
}

/** Celery's exception for a hard time limit contains only the seconds. */
function worded(exception: string): string {
  const [, seconds] = /^TimeLimitExceeded\(([\d.]+)\)$/.exec(exception) ?? [];
  return seconds === undefined ? exception : `TimeLimitExceeded: it took more than ${seconds} s`;
}

/** The frames of a stack, without its first line, which repeats the message. */
function frames(traceback: string | null): string {
  const first = traceback?.indexOf("\n    at ") ?? -1;
  return first < 0 ? "" : traceback!.slice(first).replaceAll("\n    ", "\n");
}
