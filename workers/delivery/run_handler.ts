/** Runs a task's handler and turns its result or error into an outcome. */
import { inPlaceOf } from "../../shared/celery/replacing.ts";
import { InvalidInput, Reject } from "../../shared/errors.ts";
import type { Meta } from "../../shared/results/result.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { readWork } from "../../shared/workflows/work.ts";
import type { Attempt, Returned } from "../running/attempt.ts";
import { checkResultSize } from "../running/output.ts";
import type { Runner } from "../running/runner.ts";
import { TaskSubmissions } from "../running/task_submissions.ts";
import type { Input } from "./inputs.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Outcome } from "./outcome.ts";
import { outcomeOf } from "./outcomes.ts";

/** Dependencies and limits of {@linkcode runHandler}. */
export interface RunHandlerOptions {
  readonly runner: Pick<Runner, "run">;
  readonly contracts: { get(name: string): TaskContract | undefined };
  readonly clock: Clock;
  /** Largest result, bytes of JSON. */
  readonly resultMaxBytes: number;
}

/** The attempt without its inputs, and without the fields that a run adds. */
export type PreparedAttempt = Omit<
  Attempt,
  "startedAt" | "began" | "meta" | "sent" | "inSeries" | keyof Input
>;

/** Facts about a run of the handler; its record contains them. */
export interface HandlerRun {
  readonly startedAt: Date;
  /** Seconds. */
  readonly runtime: number;
  readonly meta: Meta;
  readonly sent: TaskSubmissions;
}

/** Calls the handler once for each input. The calls of a `celery.map` run one after the other; their results form one list.
 *
 * @param inputs one input, or the list of a map
 * @returns `undefined` if the attempt was abandoned because the worker stops */
export async function runHandler(
  attempt: PreparedAttempt,
  inputs: Input | readonly Input[],
  { runner, contracts, clock, resultMaxBytes }: RunHandlerOptions,
): Promise<{ readonly outcome: Outcome; readonly run: HandlerRun } | undefined> {
  const { task, queue } = attempt;
  const startedAt = clock.now();
  const began = performance.now();
  const meta: Meta = {};
  const sent = new TaskSubmissions(task);
  const ended = (outcome: Outcome) => {
    const runtime = (performance.now() - began) / 1000;
    return { outcome, run: { startedAt, runtime, meta, sent } };
  };
  const call = (input: Input, inSeries: boolean) =>
    runner.run({ ...attempt, ...input, startedAt, began, meta, sent, inSeries });
  try {
    const returned = Array.isArray(inputs)
      ? await callInSeries(inputs, (input) => call(input, true))
      : await call(inputs as Input, false);
    if (returned === undefined) return undefined;
    if (returned === "overtaken") return ended({ kind: "known" });
    if ("replacement" in returned) {
      if (sent.events.length > 0) throw emitsAndReplaces(task.task);
      const work = readWork(returned.replacement, contracts);
      return ended({ kind: "replace", canvas: inPlaceOf(task, work, queue) });
    }
    if (!returned.stored) checkResultSize(task.task, returned.result, resultMaxBytes);
    return ended({ kind: "success", ...returned });
  } catch (error) {
    return ended(outcomeOf(error, task, attempt.contract));
  }
}

/** The events go with a success, which a replaced task leaves to other work. */
function emitsAndReplaces(name: string): InvalidInput {
  return new InvalidInput(
    `Cannot replace task '${name}' because it has emitted events: emit them in the task that replaces it`,
  );
}

/** @returns the list of results; `undefined` if a call was abandoned */
async function callInSeries(
  inputs: readonly Input[],
  call: (input: Input) => Promise<Returned | undefined>,
): Promise<Returned | undefined> {
  const results: string[] = [];
  for (const input of inputs) {
    const returned = await call(input);
    if (returned === undefined || returned === "overtaken") return returned;
    if ("replacement" in returned) {
      throw new Reject(
        "Cannot replace a task within a map because all its calls share one id: send them as a group",
      );
    }
    results.push(returned.result);
  }
  return { result: `[${results.join(",")}]`, stored: false };
}
