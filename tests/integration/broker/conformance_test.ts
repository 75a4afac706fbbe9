import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { testBroker } from "../../support/broker_conformance.ts";
import { freshVhost, management } from "../../support/servers.ts";

testBroker("AmqpBroker", async () => {
  const vhost = await freshVhost();
  await management(vhost.managementUrl, "PUT", `/api/policies/${vhost.name}/dead`, {
    pattern: "^celeriac\\.(?!dead$)",
    "apply-to": "queues",
    definition: { "dead-letter-exchange": "dlx.celeriac" },
  });
  const broker = new AmqpBroker({ url: vhost.url, name: "conformance" });
  return {
    broker,
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await vhost[Symbol.asyncDispose]();
    },
  };
});
