/** Sends remote control commands to one worker on behalf of a request. */
import type { Context } from "hono";
import { z } from "zod";
import type { Broker } from "../../shared/broker/broker.ts";
import { requestReplies } from "../../shared/celery/control_client.ts";
import { BrokerUnavailable, OutcomeUnknown } from "../../shared/errors.ts";
import { withTimeout } from "../../shared/runtime/waits.ts";
import { closest } from "../../shared/text/closest.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import { callerOf } from "../access/request_caller.ts";
import { Problem } from "../http/problem.ts";
import { requireConnection } from "../reading/broker_connection.ts";

/** Milliseconds to wait for replies, as in Celery. */
const REPLY_MS = 1000;

/** Milliseconds after which the broker counts as unavailable. */
const DEADLINE_MS = 1500;

/** Maximum number of slots that one command adds or removes: the limit of `CELERIAC_CONCURRENCY`. */
export const SLOTS_MAX = 10_000;

/** A command that workers of Celery and Celeriac run. */
export type WorkerCommand =
  | { readonly method: "shutdown" }
  | { readonly method: "pool_grow" | "pool_shrink"; readonly slots: number };

/** A command that was sent. */
export interface SentCommand {
  /** Node name. */
  readonly worker: string;
  readonly method: WorkerCommand["method"];
  readonly arguments: Readonly<Record<string, number>>;
  /** The worker's confirmation; `null` if none has arrived. A worker confirms no shutdown. */
  readonly reply: string | null;
}

/** Dependencies of {@linkcode WorkerActions}. */
export interface WorkerActionsParts {
  readonly broker: Pick<Broker, "listen" | "publish" | "status">;
  readonly trail: AuditTrail;
}

const Refused = z.object({ error: z.string() });
const Confirmed = z.object({ ok: z.string() });

/** Sends commands, with audit entries. */
export class WorkerActions {
  readonly #parts: WorkerActionsParts;

  constructor(parts: WorkerActionsParts) {
    this.#parts = parts;
  }

  /** Whether the caller's patterns let it control workers: a worker runs tasks of all callers. */
  allows(c: Context): boolean {
    return callerOf(c).seesEverything;
  }

  /** Sends a command to a worker that replies to `ping`, and waits at most a second for its reply.
   *
   * @throws {Problem} `forbidden`, `no-worker` or `worker-refused`
   * @throws {BrokerUnavailable} if nothing was sent
   * @throws {OutcomeUnknown} if the worker may have received the command */
  async send(c: Context, worker: string, command: WorkerCommand): Promise<SentCommand> {
    const { broker, trail } = this.#parts;
    const { method } = command;
    if (!this.allows(c)) throw limited(callerOf(c).name, worker);
    requireConnection(broker, `control worker '${shown(worker)}'`);
    await this.#requireWorker(worker);
    const given: Record<string, number> = "slots" in command ? { n: command.slots } : {};
    await trail.begin(c, { target: worker, filter: { command: method, ...given } });

    const replies = await this.#request(method, [worker], given).catch((cause) => {
      if (!(cause instanceof BrokerUnavailable)) throw cause;
      throw new OutcomeUnknown(
        `Cannot confirm that worker '${
          shown(worker)
        }' received '${method}' because the broker did not answer: read GET /v1/workers before you send it again`,
        [],
        { cause },
      );
    });
    const reply = replies[worker];
    const refused = Refused.safeParse(reply);
    if (refused.success) {
      throw new Problem(
        "worker-refused",
        `Cannot run '${method}' because worker '${
          shown(worker)
        }' refused it: ${refused.data.error}`,
      );
    }
    const { data } = Confirmed.safeParse(reply);
    return { worker, method, arguments: given, reply: data?.ok ?? null };
  }

  /** @throws {Problem} `no-worker`, with the names of the workers that reply */
  async #requireWorker(worker: string): Promise<void> {
    const found = await this.#request("ping", [worker]);
    if (Object.hasOwn(found, worker)) return;
    const others = Object.keys(await this.#request("ping", [])).sort();
    if (others.includes(worker)) return;
    const near = closest(worker, others);
    const hint = near ? `did you mean '${near}'? ` : "";
    throw new Problem(
      "no-worker",
      `Cannot control worker '${shown(worker)}' because it did not reply: ${hint}${
        others.length > 0
          ? `the workers that reply are ${others.join(", ")}`
          : "no worker replies, so start one"
      }`,
      { errors: [{ field: "worker", message: "no such worker replies", allowed: others }] },
    );
  }

  /** Replies by node name. An empty destination means all workers. */
  #request(
    method: string,
    destination: readonly string[],
    given: Record<string, number> = {},
  ): Promise<Record<string, unknown>> {
    const { broker } = this.#parts;
    return withTimeout(
      REPLY_MS + DEADLINE_MS,
      () =>
        new BrokerUnavailable(
          "Cannot ask the workers because the broker does not answer: try again later",
        ),
      (signal) =>
        requestReplies(broker, { method, arguments: given, destination }, {
          timeoutMs: REPLY_MS,
          signal,
        }),
    );
  }
}

function limited(caller: string, worker: string): Problem {
  return new Problem(
    "forbidden",
    `Cannot control worker '${
      shown(worker)
    }' because '${caller}' is limited to some tasks or queues, and a worker may run others: use a key without patterns`,
  );
}

/** A name in a message. */
function shown(worker: string): string {
  return worker.slice(0, 255);
}
