/** What runs leave uncaught: it fails them while they run, and is in the log, a metric and the task's record in any case. */
import { getLogger } from "@logtape/logtape";
import { traceback } from "../../shared/celery/exception.ts";
import { Batch } from "../../shared/runtime/batch.ts";
import type { Events } from "../../shared/telemetry/events.ts";
import { retryForever } from "../../shared/results/patience.ts";
import type { Meta } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { isError, property, summaryOf, textOf } from "../../shared/runtime/thrown.ts";
import { catchUncaught, type ErrorOwner } from "./error_owner.ts";
import { uncaughtError } from "./uncaught_error.ts";

/** Errors of one run that are told of: a loop may leave any number. */
const MAX_ERRORS = 5;

/** Characters of an error and of its stack that a record keeps. */
const MAX_SUMMARY = 1024;
const MAX_TRACEBACK = 4096;

/** Milliseconds before an error that came after its run is added to the record: by then the run's own settlement is there. */
const NOTE_MS = 1000;

/** Folder of this package, and the packages that only its own code uses. */
const OURS = [import.meta.resolve("../../"), "/amqplib/", "/pglite/"];

/** What {@linkcode UncaughtErrors} work with. */
export interface UncaughtErrorsOptions {
  readonly events: Pick<Events, "emit">;
  readonly store: Pick<ResultStore, "annotate">;
  /** URLs of the app's modules. */
  readonly modules: { readonly contracts: string; readonly handlers: string };
}

/** The attempt that a run belongs to. */
export interface Attempted {
  readonly task: { readonly id: string; readonly task: string };
  readonly meta: Meta;
  readonly ignoreResult: boolean;
}

/** Catches the uncaught errors of a worker's process and keeps them with the runs that left them. */
export class UncaughtErrors implements Service {
  readonly #options: UncaughtErrorsOptions;
  readonly #notes: Batch<{ readonly id: string; readonly meta: Meta }, undefined>;
  #catching: Disposable | undefined;

  constructor(options: UncaughtErrorsOptions) {
    this.#options = options;
    this.#notes = new Batch({
      name: "uncaught errors",
      delayMs: NOTE_MS,
      failed: (error, attempt) => retryForever("uncaught errors", error, attempt),
      flush: async (notes) => {
        for (const { id, meta } of notes) await options.store.annotate(id, meta);
        return notes.map(() => undefined);
      },
    });
  }

  start(): Promise<void> {
    this.#catching ??= catchUncaught((error) => this.#orphan(error));
    return Promise.resolve();
  }

  /** From now on an uncaught error ends the process. */
  async stop(): Promise<void> {
    this.#catching?.[Symbol.dispose]();
    this.#catching = undefined;
    await this.#notes.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Makes the owner of a run's code.
   *
   * @param fail ends the run; not called once it is over */
  of({ task: { id, task: name }, meta, ignoreResult }: Attempted, fail: (error: Error) => void) {
    const { events } = this.#options;
    let over = false;
    return {
      /** The run has ended, whatever of its code goes on. */
      over() {
        over = true;
      },
      uncaught: (thrown: unknown, late = over) => {
        const errors = meta.uncaught ??= [];
        if (errors.length < MAX_ERRORS) {
          const error = summaryOf(thrown).slice(0, MAX_SUMMARY);
          const trace = traceback(thrown).slice(0, MAX_TRACEBACK);
          errors.push({ error, traceback: trace, late });
          events.emit({ type: "task-uncaught", id, name, traceback: trace, late });
          if (over && !ignoreResult) this.#note(id, { uncaught: errors });
        }
        if (!late) fail(uncaughtError(name, thrown));
      },
      exited: () =>
        logger.error(
          'Task {name} [{id}] ended the process by Deno.exit() or process.exit(): throw an error instead, or set run: "process"',
          { name, id },
        ),
    } satisfies ErrorOwner & { over(): void };
  }

  #note(id: string, meta: Meta): void {
    this.#notes.add({ id, meta }).catch((error) =>
      logger.warn("Uncaught error of task {id} is not in its record: {error}", { id, error })
    );
  }

  /** An error of this package still ends the process: nobody knows what it left undone. */
  #orphan(error: unknown): boolean {
    if (isOurs(error, this.#options.modules)) return false;
    logger.error("The app left an error uncaught, outside of any task: {traceback}", {
      traceback: traceback(error),
    });
    return true;
  }
}

/** Whether an error comes from this package: its stack names a module of it, or none at all. The app may lie inside of our folder. */
function isOurs(error: unknown, { contracts, handlers }: UncaughtErrorsOptions["modules"]) {
  if (!isError(error)) return false;
  const frames = textOf(property(error, "stack")).split("\n").filter((line) =>
    /^\s+at .*(?:file|https?|data):/.test(line)
  );
  const app = [contracts, handlers].map((module) => new URL(".", module).href);
  const theirs = frames.some((frame) => app.some((folder) => frame.includes(folder)));
  return !theirs &&
    (frames.length === 0 || frames.some((frame) => OURS.some((part) => frame.includes(part))));
}

const logger = getLogger(["celeriac", "worker"]);
