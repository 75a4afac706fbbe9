/** The conformance suite of brokers, run against each implementation. */
import type { Broker } from "../../shared/broker/broker.ts";
import { CONSUMING } from "./consuming_conformance.ts";
import { PUBLISHING } from "./publishing_conformance.ts";
import { ROUTING } from "./routing_conformance.ts";

/** An isolated broker, not started and without a topology. */
export interface BrokerUnderTest extends AsyncDisposable {
  readonly broker: Broker;
}

/** Registers the suite.
 *
 * @param name of the implementation, such as `AmqpBroker`
 * @param open creates a broker. Its queues `celeriac.*` must dead-letter to the exchange `dlx.celeriac` if that exists */
export function testBroker(name: string, open: () => Promise<BrokerUnderTest>): void {
  for (const [title, test] of Object.entries({ ...CONSUMING, ...PUBLISHING, ...ROUTING })) {
    Deno.test(`${name}: ${title}`, async () => {
      await using fixture = await open();
      await test(fixture.broker);
    });
  }
}
