/** Checked submission -> durable message, and a record of it. */
import { createHash } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { ReplyOptions } from "../../shared/broker/broker.ts";
import { newId } from "../../shared/results/uuid_time.ts";
import { rememberKey } from "./idempotency_key.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { Problem } from "../http/problem.ts";
import type { CheckedSubmission } from "./submission.ts";

const log = getLogger(["celeriac", "api"]);

/** What became of a submission. */
export interface Accepted {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** What holds the message; `earlier`: a former request with the same key has published it. */
  readonly via: "broker" | "outbox" | "earlier";
  readonly submittedAt: Date;
  /** `null` for an earlier submission. */
  readonly argsRepr: string | null;
  readonly kwargsRepr: string | null;
}

/** How to submit. */
export interface SubmitOptions {
  /** The caller's `Idempotency-Key`. */
  readonly key?: string | undefined;
  /** Hears the result directly. */
  readonly reply?: ReplyOptions | undefined;
}

/** Publishes submissions. */
export class Submitter {
  readonly #parts: Pick<
    ApiDependencies,
    "publisher" | "submissions" | "idempotency" | "metrics" | "clock"
  >;

  constructor(
    parts: Pick<ApiDependencies, "publisher" | "submissions" | "idempotency" | "metrics" | "clock">,
  ) {
    this.#parts = parts;
  }

  /** Resolves when the message is durable.
   *
   * @throws {Problem} `idempotency-mismatch`
   * @throws {Unroutable} when the queue does not exist
   * @throws {OutcomeUnknown} when broker or database may have taken it, but neither said so in time
   * @throws {Unavailable} when neither broker nor database could take it, or the key cannot be stored */
  async submit(checked: CheckedSubmission, { key, reply }: SubmitOptions = {}): Promise<Accepted> {
    if (key === undefined) return await this.#publish(checked, undefined, reply);
    const { idempotency } = this.#parts;
    const hash = hashOf(checked);
    const begun = await rememberKey(
      (id) => idempotency.begin(key, hash, id),
      checked.signature.options.taskId ?? newId(this.#parts.clock.now()),
    );
    if (begun === "mismatch") {
      throw new Problem(
        "idempotency-mismatch",
        "Cannot accept the request because its Idempotency-Key was used with another task or body: take a new key",
        { errors: [{ field: "Idempotency-Key", message: "used with another task or body" }] },
      );
    }
    if (begun.published) {
      const { task: name, options: { queue } } = checked.signature;
      return {
        id: begun.id,
        name,
        queue,
        via: "earlier",
        submittedAt: this.#parts.clock.now(),
        argsRepr: null,
        kwargsRepr: null,
      };
    }
    const accepted = await this.#publish(checked, begun.id, reply);
    // Not awaited: the message is durable.
    idempotency.published([key]).catch((error) => {
      // The next request with this key publishes again, under the same id: a duplicate that ids make harmless.
      log.warn("Cannot remember that {id} is published: {error}", { id: begun.id, error });
    });
    return accepted;
  }

  async #publish(
    { contract, signature, ignoreResult }: CheckedSubmission,
    taskId: string | undefined,
    reply: ReplyOptions | undefined,
  ): Promise<Accepted> {
    const { publisher, submissions, metrics, clock } = this.#parts;
    const submittedAt = clock.now();
    const identified = taskId === undefined
      ? signature
      : { ...signature, options: { ...signature.options, taskId } };
    const { id, queue, via, argsRepr, kwargsRepr } = await publisher.submit(
      identified,
      reply && { reply },
    );
    const name = signature.task;
    metrics.countSubmission(contract ? name : "foreign", via);
    if (!ignoreResult) submissions.write({ id, name, queue, argsRepr, kwargsRepr, submittedAt });
    return { id, name, queue, via, submittedAt, argsRepr, kwargsRepr };
  }
}

/** The hash of all that a submission says, whatever the order of its names. */
function hashOf({ signature }: CheckedSubmission): string {
  const { task, args, kwargs, options } = signature;
  const sorted = (_name: string, value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
      : value;
  const canonical = JSON.stringify({ task, args, kwargs, options }, sorted);
  return createHash("sha256").update(canonical).digest("hex");
}
