/** Publishes checked submissions and writes their PENDING records. */
import { createHash } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { ReplyOptions } from "../../shared/broker/broker.ts";
import { newId } from "../../shared/results/uuid_time.ts";
import { rememberKey } from "./idempotency_key.ts";
import { taskReprs } from "../../shared/celery/message.ts";
import { Problem } from "../http/problem.ts";
import type { AcceptedTask, Publisher } from "../../shared/outbox/publisher.ts";
import type { Submission } from "../../shared/outbox/submission.ts";
import type { PendingTask } from "../../shared/results/result.ts";
import type { Idempotency } from "../../shared/results/idempotency.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Metrics } from "../../shared/telemetry/metrics.ts";

const log = getLogger(["celeriac", "api"]);

/** Options of a submission. */
export interface SubmitOptions {
  /** The caller's `Idempotency-Key`. */
  readonly key?: string | undefined;
  /** Receives the result by direct reply-to. */
  readonly reply?: ReplyOptions | undefined;
}

/** Dependencies of a {@linkcode Submitter}. */
export interface SubmitterOptions {
  readonly publisher: Pick<Publisher, "submit">;
  /** Writes PENDING records in the background: best effort. `hold` writes only those of tasks that do not settle in a moment. */
  readonly submissions: { write(task: PendingTask): void; hold(task: PendingTask): void };
  readonly idempotency: Pick<Idempotency, "begin" | "published">;
  readonly metrics: Pick<Metrics, "countSubmission">;
  readonly clock: Clock;
}

/** Publishes submissions. */
export class Submitter {
  readonly #options: SubmitterOptions;
  /** Requests with an `Idempotency-Key` that have no answer yet. Repetitions wait for it and publish nothing. */
  readonly #inProgress = new Map<string, Promise<AcceptedTask>>();

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  /** Resolves when the message is durable.
   *
   * @throws {Problem} `idempotency-mismatch`
   * @throws {Unroutable} when the queue does not exist
   * @throws {OutcomeUnknown} when broker or database may have the message, but neither confirmed in time
   * @throws {Unavailable} when neither broker nor database accepted it, or the key cannot be stored */
  async submit(
    submission: Submission,
    { key, reply }: SubmitOptions = {},
  ): Promise<AcceptedTask> {
    const id = submission.signature.options.taskId ?? newId(this.#options.clock.now());
    if (key === undefined) return await this.#publish(submission, id, reply);
    const hash = hashOf(submission);
    const request = `${hash} ${key}`;
    const first = this.#inProgress.get(request);
    if (first) return this.#earlier(submission, (await first).id);
    const submitting = this.#submitWithKey(submission, { id, key, hash, reply });
    this.#inProgress.set(request, submitting);
    try {
      return await submitting;
    } finally {
      this.#inProgress.delete(request);
    }
  }

  async #submitWithKey(
    submission: Submission,
    { id, key, hash, reply }: {
      readonly id: string;
      readonly key: string;
      readonly hash: string;
      readonly reply: ReplyOptions | undefined;
    },
  ): Promise<AcceptedTask> {
    const { idempotency } = this.#options;
    const begun = await rememberKey((id) => idempotency.begin(key, hash, id), id);
    if (begun === "mismatch") {
      throw new Problem(
        "idempotency-mismatch",
        "Cannot accept the request because its Idempotency-Key was used with another task or body: use a new key",
        { errors: [{ field: "Idempotency-Key", message: "used with another task or body" }] },
      );
    }
    if (begun.published) return this.#earlier(submission, begun.id);
    const accepted = await this.#publish(submission, begun.id, reply);
    // Not awaited: the message is durable.
    idempotency.published([key]).catch((error) => {
      // The next request with this key publishes a duplicate with the same id, which is harmless.
      log.warn("Cannot store that task {id} was published: {error}", { id: begun.id, error });
    });
    return accepted;
  }

  /** The answer to a request whose key was used before. */
  #earlier({ signature }: Submission, id: string): AcceptedTask {
    return {
      id,
      name: signature.task,
      queue: signature.options.queue,
      via: "earlier",
      submittedAt: this.#options.clock.now(),
      ...taskReprs(signature),
    };
  }

  async #publish(
    { contract, signature, ignoreResult }: Submission,
    taskId: string,
    reply: ReplyOptions | undefined,
  ): Promise<AcceptedTask> {
    const { publisher, submissions, metrics } = this.#options;
    const { via, ...task } = await publisher.submit(
      { ...signature, options: { ...signature.options, taskId } },
      reply && { reply },
    );
    metrics.countSubmission(contract ? task.name : "foreign", via);
    // A message in the outbox is due later, or the broker is down: its task will not settle in a moment.
    if (!ignoreResult) via === "broker" ? submissions.hold(task) : submissions.write(task);
    return { ...task, via };
  }
}

/** Hashes a submission independently of the order of its keys. */
function hashOf({ signature }: Submission): string {
  const { task, args, kwargs, options } = signature;
  const sorted = (_name: string, value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
      : typeof value === "bigint"
      ? `${value}n`
      : value;
  const canonical = JSON.stringify({ task, args, kwargs, options }, sorted);
  return createHash("sha256").update(canonical).digest("hex");
}
