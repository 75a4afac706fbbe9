/** The program of a child process. It runs one attempt at a time, as requested through the channel. */
import { parseJson, stringifyJson } from "../../../shared/celery/python_json.ts";
import { InvalidInput, type Violation } from "../../../shared/errors.ts";
import { valueText } from "../../../shared/telemetry/log_format.ts";
import { traced } from "../../../shared/telemetry/tracing.ts";
import { abortReason } from "../../running/abort_reason.ts";
import { violationOf } from "../../running/permission_denial.ts";
import { createContext, type TaskLog } from "../../running/context.ts";
import { Handlers, isHandler } from "../../handlers.ts";
import { logLine } from "../../running/task_log.ts";
import { tolerateUndeclaredVariables } from "./package_environment.ts";
import { encodeOutput } from "../../running/output.ts";
import { catchUncaught, type ErrorOwner, owned } from "../../running/error_owner.ts";
import { isReplacement, replacement } from "../../running/replacement.ts";
import { readRequest } from "../../running/request.ts";
import { uncaughtError } from "../../running/uncaught_error.ts";
import { type Channel, takeChannel } from "./channel.ts";
import { ChildSubmissions } from "./child_submissions.ts";
import { recordError, reviveError } from "../error_record.ts";
import { Guard } from "./guard.ts";
import type { SandboxLogLine, ToChild } from "../messages.ts";

/** Characters of a log line, and of each property converted to text. */
const MAX_TEXT = 16 * 1024;

/** Characters of the description of a violation. */
const MAX_WHAT = 1024;

/** Uncaught errors that a child reports. After the first one the child is replaced. */
const MAX_LEFT = 10;

/** Reported by a task with an uncaught error. */
const UNCAUGHT = "an error uncaught";

type Exports = Record<string, unknown>;
type RunMessage = Extract<ToChild, { type: "run" }>;

/** URL of the main module of a child.
 *
 * It is a `data:` module with literal imports, which Deno loads without permission. Imports whose name is only known at run time would need
 * one. */
export function childModule(modules: readonly string[]): string {
  const imports = modules.map((module) => `import(${JSON.stringify(module)})`);
  const source = `import { serve } from ${JSON.stringify(import.meta.url)};
await serve(() => Promise.all([${imports.join(", ")}]));`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** Serves the worker until it closes the channel.
 *
 * @param load imports the modules of the handlers; called once their output can no longer reach the channel */
export async function serve(load: () => Promise<Exports[]>): Promise<void> {
  const channel = takeChannel();
  // Ctrl-C and service managers signal the whole process group. The worker handles the signal and drains.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {});
  }
  tolerateUndeclaredVariables();
  const attempts = new Attempts(channel);
  try {
    const modules = await load();
    attempts.ready(new Handlers(modules.flatMap(Object.values).flat().filter(isHandler)));
  } catch (error) {
    channel.send({ type: "unusable", error: recordError(error) });
    exit();
  }
  channel.send({ type: "ready" });
  await channel.receive((message) => attempts.receive(message));
  exit();
}

const exit = Deno.exit;

/** The running attempt. */
interface Current {
  /** Secret id: no object that the app's code can access contains it. */
  readonly run: string;
  readonly name: string;
  readonly owner: ErrorOwner;
  readonly controller: AbortController;
  readonly violations: Set<string>;
}

/** Runs the attempts of this child one after the other. */
class Attempts {
  readonly #channel: Channel;
  readonly #guard: Guard;
  readonly #submissions: ChildSubmissions;
  #handlers: Handlers | undefined;
  #current: Current | undefined;
  /** Number of uncaught errors. */
  #leftErrors = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#submissions = new ChildSubmissions(channel);
    this.#guard = new Guard((violation, what) => this.#report(violation, what));
    catchUncaught((error) => {
      this.#left(null, error);
      return true;
    });
  }

  ready(handlers: Handlers): void {
    this.#handlers = handlers;
    this.#guard.ready();
  }

  receive(message: ToChild): void {
    switch (message.type) {
      case "run":
        void this.#run(message);
        return;
      case "submitted":
        this.#submissions.answered(message);
        return;
      case "abort":
        if (this.#current?.run !== message.run) return;
        this.#abort(this.#current, reviveError(message.reason));
        return;
      default:
        message satisfies never;
    }
  }

  async #run(message: RunMessage): Promise<void> {
    const { run, name } = message;
    const controller = new AbortController();
    const current: Current = {
      run,
      name,
      controller,
      violations: new Set(),
      owner: { uncaught: (error) => this.#uncaught(current, error) },
    };
    this.#current = current;
    this.#channel.send({ type: "started", run });
    try {
      const subject = { kind: "run", task: name, id: message.request.id } as const;
      const perform = () => this.#perform(message, current);
      const returned = await traced(subject, message.trace, perform);
      if (this.#current !== current) return;
      this.#channel.send({ type: "done", run, ...returned, left: this.#leftovers() });
    } catch (thrown) {
      if (this.#current !== current) return;
      const error = abortReason(thrown, controller.signal);
      const denial = violationOf(error, { name, run: "process" });
      if (denial && !current.violations.has(denial.violation)) {
        this.#report(denial.violation, denial.message);
      }
      const left = this.#leftovers();
      this.#channel.send({ type: "failed", run, error: recordError(denial ?? error), left });
    }
    this.#current = undefined;
  }

  /** Reports each kind once for each attempt, so that a loop of denials cannot fill the channel. */
  #report(violation: Violation, what: string): void {
    if (!this.#current || this.#current.violations.has(violation)) return;
    this.#current.violations.add(violation);
    const { run } = this.#current;
    this.#channel.send({ type: "violation", run, violation, what: what.slice(0, MAX_WHAT) });
  }

  /** Fails the attempt if it is still running. The child is not used again. */
  #uncaught(attempt: Current, thrown: unknown): void {
    const { run, name } = attempt;
    this.#left(run, thrown);
    if (this.#current !== attempt) return;
    const denial = violationOf(thrown, { name, run: "process" });
    if (denial) this.#report(denial.violation, denial.message);
    this.#current = undefined;
    const error = recordError(denial ?? uncaughtError(name, thrown));
    this.#channel.send({ type: "failed", run, error, left: UNCAUGHT });
  }

  #left(run: string | null, thrown: unknown): void {
    if (++this.#leftErrors > MAX_LEFT) return;
    this.#channel.send({ type: "uncaught", run, error: recordError(thrown) });
  }

  /** Aborts the signal. Its listeners belong to the handler. */
  #abort(attempt: Current, reason: unknown): void {
    owned(attempt.owner, () => attempt.controller.abort(reason));
  }

  /** Describes something that the task left behind. */
  #leftovers(): string | undefined {
    return this.#guard.left() ?? (this.#leftErrors > 0 ? UNCAUGHT : undefined);
  }

  async #perform(
    message: RunMessage,
    current: Current,
  ): Promise<{ result: string; replaces: boolean }> {
    const { signal } = current.controller;
    const { run, name, deliveries } = message;
    const handler = this.#handlers?.get(name);
    if (!handler) {
      throw new InvalidInput(
        `Cannot run task '${name}' because no handler is exported for it: write one`,
      );
    }
    const { contract } = handler;
    const log = taskLog((line) => this.#channel.send({ type: "log", run, line }));
    const context = createContext({
      signal,
      ...readRequest(message.request),
      deliveries,
      log,
      progress: (value) => {
        try {
          this.#channel.send({ type: "progress", run, value: stringifyJson(value) });
        } catch (error) {
          log.warn("Progress is left out: {error}", { error: String(error) });
        }
      },
      submit: this.#submissions.of(run),
      emit: () => {
        throw new InvalidInput(
          `Cannot emit an event from task '${name}' because it runs in a child process: set run: "inline", or submit a task that emits it`,
        );
      },
      replace: replacement,
      complete: () => {
        throw new InvalidInput(
          `Cannot complete task '${name}' in a transaction because it runs in a child process, which has no database: set run: "inline"`,
        );
      },
    });
    const parsed = contract.input.parse(parseJson(message.input, { typed: "keep" }));
    const returned: unknown = await owned(current.owner, () => handler.run(parsed, context));
    return isReplacement(returned)
      ? { result: stringifyJson(returned.work), replaces: true }
      : { result: encodeOutput(contract, returned), replaces: false };
  }
}

function taskLog(write: (line: SandboxLogLine) => void): TaskLog {
  const at = (level: SandboxLogLine["level"]) => (message: unknown, ...values: unknown[]) => {
    const { template, properties } = logLine(message, values);
    write({ level, message: template.slice(0, MAX_TEXT), properties: plain(properties) });
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Converts properties that are not JSON to text, so that a log line never fails a task. */
function plain(properties: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => {
      const isPlain = value === null || ["number", "boolean"].includes(typeof value);
      return [name, isPlain ? value : valueText(value).slice(0, MAX_TEXT)];
    }),
  );
}
