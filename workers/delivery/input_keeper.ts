/** Decides which inputs records keep. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { KEEP_FAILURES } from "../../shared/contracts/keep_input.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { keepInput } from "../../shared/results/kept_input.ts";
import { isFinal, type State } from "../../shared/results/result.ts";
import { readCalls } from "./inputs.ts";

/** What decides about inputs. */
type Described = Pick<TaskContract, "keepInput" | "input">;

/** Finds contracts. */
export interface Contracts {
  get(name: string): Described | undefined;
}

/** Options of an {@linkcode InputKeeper}. */
export interface InputKeeperOptions {
  readonly contracts: Contracts;
  /** Maximum bytes of a kept input as JSON. */
  readonly maxBytes: number;
}

/** Keeps inputs as contracts say: see `TaskDefinition.keepInput`. Tasks without a contract have the default. */
export class InputKeeper {
  readonly #options: InputKeeperOptions;

  constructor(options: InputKeeperOptions) {
    this.#options = options;
  }

  /** The input for a record, as JSON text; `undefined` if the record of this state keeps none. */
  keep(task: TaskMessage, state: State): string | undefined {
    if (!isFinal(state)) return undefined;
    const { contracts, maxBytes } = this.#options;
    const contract = calledContract(task, contracts);
    const { when, redact } = contract?.keepInput ?? KEEP_FAILURES;
    if (when === "never" || when === "failure" && state !== "FAILURE") return undefined;
    // The arguments of a series are lists of arguments, which the paths do not describe.
    if (redact.length > 0 && isSeries(task)) return undefined;
    return keepInput(task, { maxBytes, redact, keys: Object.keys(contract?.input.shape ?? {}) });
  }
}

/** The contract of the task that a message runs. */
export function calledContract(task: TaskMessage, contracts: Contracts): Described | undefined {
  return contracts.get(isSeries(task) ? readCalls(task).name : task.task);
}

function isSeries({ task }: TaskMessage): boolean {
  return task === "celery.map" || task === "celery.starmap";
}
