/** Requires a connection to the broker. */
import type { Broker } from "../../shared/broker/broker.ts";
import { BrokerUnavailable } from "../../shared/errors.ts";

/** Fails at once while there is no connection: a command would wait for it, also after its caller has gone, and so would those of all
 * later callers.
 *
 * @param purpose what the connection is for, after "Cannot"
 * @throws {BrokerUnavailable} */
export function requireConnection({ status }: Pick<Broker, "status">, purpose: string): void {
  const { state, reason = "the broker is not connected" } = status;
  if (state === "connected" || state === "blocked") return;
  throw new BrokerUnavailable(`Cannot ${purpose} because ${reason}: try again later`);
}
