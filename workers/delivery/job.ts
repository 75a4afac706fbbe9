/** A delivery on its way to an outcome. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import type { Claim } from "../../shared/results/result.ts";
import type { Handler } from "../handlers.ts";
import type { HeldDelivery } from "./held_delivery.ts";
import type { Input } from "./inputs.ts";
import type { Outcome } from "./outcome.ts";
import type { TaskCalls } from "./task_calls.ts";

/** A delivery that is being executed, with its claim. */
export interface Job {
  readonly delivery: HeldDelivery;
  readonly queue: string;
  readonly task: TaskMessage;
  readonly calls: TaskCalls & { rejected?: Outcome };
  /** Handler of a task that every worker has. */
  readonly builtin: Handler | undefined;
  readonly contract: TaskContract | undefined;
  readonly ignoreResult: boolean;
  /** Seconds until the lease of another holder ends; `undefined` if this worker may run the task. */
  readonly heldSeconds: number | undefined;
  readonly claim: Claim | undefined;
  /** When the claim was read, milliseconds of `performance.now()`. */
  readonly claimedAt: number;
}

/** A job whose handler and inputs are known. */
export interface Prepared {
  readonly contract: TaskContract;
  readonly handler: Handler;
  readonly inputs: Input | readonly Input[];
}

/** Deliveries of this attempt that the store has counted. */
export function deliveriesOf({ claim }: Job): number {
  return claim?.deliveries ?? 1;
}
