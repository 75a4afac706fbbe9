/** Commands that change the worker's queues and concurrency (celery/worker/control.py). */
import { InvalidInput } from "../../shared/errors.ts";
import { DEAD_QUEUE } from "../../shared/broker/topology.ts";
import type { CommandArguments } from "./command_arguments.ts";
import type { Command, ControlContext, WorkerControls } from "./control_context.ts";

/** Milliseconds for the broker to accept a new consumer. */
const CONSUME_MS = 5000;

/** Limits of the settings. */
const CONCURRENCY_MAX = 10_000;
const CHILDREN_MAX = 256;

/** Commands by name. */
export const POOL_COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["add_consumer", addConsumer],
  ["cancel_consumer", cancelConsumer],
  ["pool_grow", async (given, { worker }) => {
    await resize(worker(), given.number("n", 1));
    return { ok: "pool will grow" };
  }],
  ["pool_shrink", async (given, { worker }) => {
    await resize(worker(), -given.number("n", 1));
    return { ok: "pool will shrink" };
  }],
  // Errors, as in Celery without an autoscaler or with `worker_pool_restarts` off.
  ["autoscale", () => {
    throw new InvalidInput(
      "Cannot autoscale because this worker's concurrency is fixed: use pool_grow and pool_shrink, or scale the number of workers",
    );
  }],
  ["pool_restart", () => {
    throw new InvalidInput(
      "Cannot restart the pool because that is not supported: restart the worker",
    );
  }],
]);

async function addConsumer(given: CommandArguments, { worker }: ControlContext): Promise<unknown> {
  const queue = given.text("queue");
  if (queue === DEAD_QUEUE) {
    throw new InvalidInput(
      `Cannot consume from queue '${queue}' because it holds the dead letters: name another`,
      "queue",
    );
  }
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(tooLate(queue)), CONSUME_MS);
  try {
    await worker().add(queue, {
      signal: late.signal,
      exchange: given.optionalText("exchange"),
      exchangeType: given.optionalText("exchange_type"),
      routingKey: given.optionalText("routing_key"),
    });
  } finally {
    clearTimeout(timer);
  }
  return { ok: `add consumer ${queue}` };
}

async function cancelConsumer(
  given: CommandArguments,
  { worker }: ControlContext,
): Promise<unknown> {
  const queue = given.text("queue");
  await worker().remove(queue);
  return { ok: `no longer consuming from ${queue}` };
}

/** Changes inline slots and child processes by the same number. At least one child process of each pool remains. */
async function resize(worker: WorkerControls, by: number): Promise<void> {
  const inline = worker.concurrency + by;
  if (Number.isInteger(inline) && inline >= 1 && inline <= CONCURRENCY_MAX) {
    return await worker.resize({
      inline,
      children: Math.min(CHILDREN_MAX, Math.max(1, worker.children + by)),
    });
  }
  throw new InvalidInput(
    `Cannot change the concurrency from ${worker.concurrency} to ${inline} because it must be a whole number from 1 to ${CONCURRENCY_MAX}: give another 'n'`,
    "n",
  );
}

function tooLate(queue: string): InvalidInput {
  return new InvalidInput(
    `Cannot consume from queue '${queue}' because the broker did not accept it within ${
      CONSUME_MS / 1000
    } s: make the queue, and see the worker's log`,
    "queue",
  );
}
