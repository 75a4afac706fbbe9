/** Selects the Celery releases that work with the present broker.
 * @module
 */
import { type StackName, STACKS } from "./celery_stacks.ts";
import { management } from "./servers.ts";

/** The stacks of the interop tests on this broker. RabbitMQ 4.3 and later refuse the queues that Celery before 5.7 declares for
 * remote control and events. */
export async function stacksHere(): Promise<readonly StackName[]> {
  return await deniesTransientQueues() ? ["c57"] : STACKS;
}

/** Whether the broker refuses queues that are neither durable nor exclusive.
 *
 * @throws if `MANAGEMENT_URL` is missing or does not answer */
export async function deniesTransientQueues(): Promise<boolean> {
  const url = Deno.env.get("MANAGEMENT_URL");
  if (!url) {
    throw new Error('Cannot run because MANAGEMENT_URL is not set: run "deno task test:interop"');
  }
  const { rabbitmq_version: version } = await management(url, "GET", "/api/overview") as {
    rabbitmq_version: string;
  };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 4 || major === 4 && minor >= 3;
}
