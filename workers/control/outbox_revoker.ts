/** Applies revokes of remote control to the outbox. */
import { getLogger } from "@logtape/logtape";
import type { Outbox, StampValues } from "../../shared/outbox/outbox.ts";
import type { ResultStore } from "../../shared/results/store.ts";

/** Revokes tasks whose messages are in the outbox. Its methods return at once and log errors: the messages then stay until they are due. */
export class OutboxRevoker {
  readonly #outbox: Pick<Outbox, "hasten" | "findStamped">;
  readonly #store: Pick<ResultStore, "revoke">;

  constructor({ outbox, store }: {
    readonly outbox: Pick<Outbox, "hasten" | "findStamped">;
    readonly store: Pick<ResultStore, "revoke">;
  }) {
    this.#outbox = outbox;
    this.#store = store;
  }

  /** Makes the messages of these tasks due: a worker that receives one finds the task revoked. */
  revoke(ids: readonly string[]): void {
    this.#outbox.hasten(ids).catch(log);
  }

  /** Makes the tasks REVOKED that have one of these stamps, and their messages due.
   *
   * The record comes first, for workers that did not receive the command. Every worker does this; a task that is already revoked stays
   * as it is. */
  revokeStamped(stamps: StampValues): void {
    this.#revokeStamped(stamps).catch(log);
  }

  async #revokeStamped(stamps: StampValues): Promise<void> {
    for await (const ids of this.#outbox.findStamped(stamps)) {
      for (const id of ids) await this.#store.revoke(id, "revoked");
    }
  }
}

function log(error: unknown): void {
  logger.info("Revoked tasks stay in the outbox until they are due: {error}", { error });
}

const logger = getLogger(["celeriac", "worker"]);
