/** Uncaught errors of runs. An error fails its run if that has not ended. It is logged, counted and stored in the task's record. */
import { getLogger } from "@logtape/logtape";
import { traceback } from "../../shared/celery/exception.ts";
import { Batch } from "../../shared/runtime/batch.ts";
import type { Events } from "../../shared/telemetry/events.ts";
import { retryForever } from "../../shared/results/retry_forever.ts";
import type { Meta } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { isError, property, summaryOf, textOf } from "../../shared/runtime/thrown.ts";
import { catchUncaught, type ErrorOwner } from "./error_owner.ts";
import { uncaughtError } from "./uncaught_error.ts";

/** Reported errors of one run. A loop could cause any number. */
const MAX_ERRORS = 5;

/** Characters of an error and of its stack that are stored in the record. */
const MAX_SUMMARY = 1024;
const MAX_TRACEBACK = 4096;

/** Milliseconds before an error that occurred after its run is added to the record, which the run has stored by then. */
const NOTE_MS = 1000;

/** Folder of this package, and npm packages that only this package uses. */
const OURS = [import.meta.resolve("../../"), "/amqplib/", "/pglite/"];

/** Dependencies of {@linkcode UncaughtErrors}. */
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

/** Catches the uncaught errors of a worker's process and assigns them to their runs. */
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

  /** Stops catching: uncaught errors end the process again. */
  async stop(): Promise<void> {
    this.#catching?.[Symbol.dispose]();
    this.#catching = undefined;
    await this.#notes.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Creates the owner of a run's code.
   *
   * @param fail ends the run; not called after its end */
  of({ task: { id, task: name }, meta, ignoreResult }: Attempted, fail: (error: Error) => void) {
    const { events } = this.#options;
    let over = false;
    return {
      /** Marks the run as ended, even if some of its code still runs. */
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
      logger.warn("Cannot store the uncaught error of task {id}: {error}", { id, error })
    );
  }

  /** An error of this package still ends the process, because its state may be inconsistent. */
  #orphan(error: unknown): boolean {
    if (isOurs(error, this.#options.modules)) return false;
    logger.error("The app left an error uncaught, outside of any task: {traceback}", {
      traceback: traceback(error),
    });
    return true;
  }
}

/** Whether an error comes from this package: its stack contains one of its modules, or no module at all. The app may be in a subfolder of the
 * package. */
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
