/** The task that a schedule submits. */
import type { Signature } from "../celery/signature.ts";
import { InvalidInput } from "../errors.ts";
import type { Submission } from "../outbox/submission.ts";
import type { Registry } from "../contracts/registry.ts";

/** Sets the queue and adds the schedule's name as a header, like django-celery-beat; django-celery-results stores it.
 *
 * @param elsewhere queue of tasks without a contract and without a queue of their own
 * @throws {InvalidInput} when there is no queue */
export function scheduledSubmission(
  schedule: string,
  signature: Signature,
  { registry, elsewhere }: { registry: Registry; elsewhere?: string | undefined },
): Submission {
  const contract = registry.get(signature.task);
  const queue = signature.options.queue ?? contract?.queue ?? elsewhere;
  if (queue === undefined) {
    const near = registry.suggest(signature.task);
    throw new InvalidInput(
      `Cannot send task '${signature.task}' of schedule '${schedule}' because no contract has that name and no queue is given: ${
        near ? `did you mean '${near}'?` : "export its contract, or give the schedule a queue"
      }`,
      "task",
    );
  }
  const headers = {
    ...signature.options.headers,
    periodic_task_name: schedule,
    celery_beat_task: true,
  };
  return {
    signature: { ...signature, options: { ...signature.options, queue, headers } },
    ...(contract && { contract }),
    ignoreResult: signature.options.ignoreResult ?? contract?.ignoreResult ?? false,
  };
}
