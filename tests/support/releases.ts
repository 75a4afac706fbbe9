/** Brokers of other releases, by the command that `CELERIAC_TEST_BROKER` names.
 *
 * The command knows `up RELEASE NAME`, which prints lines `AMQP_URL=…` and `MANAGEMENT_URL=…` when
 * the broker is ready, and `down RELEASE NAME`.
 * @module
 */
import { run } from "./process.ts";
import type { Server } from "./server.ts";

/** Starts a broker of a release.
 *
 * @param instance tells it from others of the release
 * @throws when the command fails or does not say where the broker is */
export async function startRelease(
  command: string,
  release: string,
  instance = "tests",
): Promise<Server> {
  const stop = async () => {
    await run(command, ["down", release, instance], { ownGroup: true });
  };
  try {
    const output = await run(command, ["up", release, instance], {
      ownGroup: true,
      timeoutMs: 600_000,
    });
    const environment = Object.fromEntries(
      ["AMQP_URL", "MANAGEMENT_URL"].map((name) => {
        const value = new RegExp(`^${name}=(\\S+)`, "m").exec(output)?.[1];
        if (!value) throw new Error(`Cannot use ${command} as it printed no ${name}:\n${output}`);
        return [name, value];
      }),
    );
    return { description: `RabbitMQ ${release} by ${command}`, environment, stop };
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}
