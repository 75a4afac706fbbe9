/** The body of a 202 answer. */
import type { AcceptedTask } from "../../shared/outbox/publisher.ts";

/** Describes an accepted task. */
export function acceptedBody(
  { id, name, queue }: Pick<AcceptedTask, "id" | "name" | "queue">,
): object {
  return { id, state: "PENDING", name, queue };
}
