/** A task to submit, checked against its contract. */
import type { Signature } from "../celery/signature.ts";
import type { TaskContract } from "../contracts/task.ts";

/** A signature with the queue that it goes to. */
export type RoutedSignature = Signature & { options: { queue: string } };

/** A task to submit. */
export interface Submission {
  /** Absent for a task of another system. */
  readonly contract?: TaskContract;
  /** Arguments as given: checked, not transformed. */
  readonly signature: RoutedSignature;
  /** Whether no record is kept. */
  readonly ignoreResult: boolean;
}
