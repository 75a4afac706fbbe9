/** Hears Celery's remote control (celery/worker/control.py). For now one command: `revoke`. */
import { getLogger } from "@logtape/logtape";
import type { Broker, Message, Subscription } from "../shared/broker/broker.ts";
import { CONTROL_EXCHANGE, decodeControl, isForUs } from "../shared/celery/control.ts";
import { Malformed } from "../shared/errors.ts";
import type { Service } from "../shared/service.ts";

/** Ids remembered, as many as Celery remembers (`REVOKES_MAX`); the oldest go first. The record in the store does not forget. */
const REVOKED_MAX = 50_000;

/** Arguments of a control queue, as every Celery node declares its own (kombu/pidbox.py). */
const QUEUE_ARGUMENTS = { "x-message-ttl": 300_000, "x-expires": 10_000 };

/** The worker's ear on the control exchange. */
export class Control implements Service {
  readonly #broker: Broker;
  readonly #node: string;
  readonly #terminate: (id: string) => boolean;
  readonly #revoked = new Set<string>();
  #subscription: Promise<Subscription> | undefined;

  /** @param options.terminate ends what runs of a task */
  constructor({ broker, node, terminate }: {
    broker: Broker;
    node: string;
    terminate(id: string): boolean;
  }) {
    this.#broker = broker;
    this.#node = node;
    this.#terminate = terminate;
  }

  isRevoked(id: string): boolean {
    return this.#revoked.has(id);
  }

  async start(): Promise<void> {
    this.#subscription ??= this.#broker.listen(CONTROL_EXCHANGE, (message) => this.#hear(message), {
      keys: [""],
      queue: `${this.#node}.celery.pidbox`,
      arguments: QUEUE_ARGUMENTS,
    });
    await this.#subscription;
  }

  async stop(): Promise<void> {
    const subscription = await this.#subscription;
    await subscription?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #hear(message: Message): void {
    try {
      const request = decodeControl(message);
      if (request.method !== "revoke" || !isForUs(request, this.#node)) return;
      const { task_id: ids, terminate } = request.arguments;
      for (const id of [ids].flat()) {
        if (typeof id !== "string") continue;
        this.#revoke(id);
        if (terminate === true && this.#terminate(id)) logger.info("Task {id} is ended", { id });
      }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      logger.warn("Control message was not understood: {error}", { error });
    }
  }

  #revoke(id: string): void {
    this.#revoked.add(id);
    if (this.#revoked.size > REVOKED_MAX) {
      for (const oldest of this.#revoked) {
        this.#revoked.delete(oldest);
        break;
      }
    }
    logger.info("Task {id} is revoked", { id });
  }
}

const logger = getLogger(["celeriac", "worker"]);
