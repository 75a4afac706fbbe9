/** Closes channels of amqplib. */
import type { Channel } from "amqplib";

/** Closes a channel and waits until it is closed, or until its connection is: `close()` of amqplib never settles if the connection ends
 * before the broker has replied (amqplib, lib/channel.js, `toClosing`). Never fails. */
export async function closeChannel(channel: Pick<Channel, "close" | "once">): Promise<void> {
  const closed = new Promise<void>((resolve) => channel.once("close", () => resolve()));
  await Promise.race([channel.close().catch(() => {}), closed]);
}
