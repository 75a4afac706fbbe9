/** Counts the messages and consumers of a queue. */
import type { ChannelModel } from "amqplib";
import type { QueueMeasure } from "../broker.ts";
import { closeChannel } from "./close_channel.ts";
import { codeOf } from "./reason.ts";

/** Declares a queue passively, on a channel of its own because the broker closes the channel on an error.
 *
 * @returns `undefined` if the queue does not exist
 * @throws the broker's error */
export async function measure(
  connection: ChannelModel,
  queue: string,
): Promise<QueueMeasure | undefined> {
  const channel = await connection.createChannel();
  // The rejected call reports the error.
  channel.on("error", () => {});
  try {
    const { messageCount, consumerCount } = await channel.checkQueue(queue);
    await closeChannel(channel);
    return { ready: messageCount, consumers: consumerCount };
  } catch (error) {
    if (codeOf(error) === 404) return undefined;
    throw error;
  }
}
