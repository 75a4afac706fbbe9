import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { testBroker } from "../../support/broker_conformance.ts";

testBroker("MemoryBroker", () => {
  const broker = new MemoryBroker();
  return Promise.resolve({ broker, [Symbol.asyncDispose]: () => broker.stop() });
});
