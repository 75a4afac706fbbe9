/** Declares exchanges, queues and bindings without changing existing ones. */
import { getLogger } from "@logtape/logtape";
import type { Channel, ChannelModel } from "amqplib";
import { TopologyMissing } from "../../errors.ts";
import { type Declaration, type Exchange, type Queue, queueArguments } from "../declaration.ts";
import { closeChannel } from "./close_channel.ts";
import { codeOf } from "./reason.ts";
import { REMEDY } from "../errors.ts";

const log = getLogger(["celeriac", "broker"]);

/** Creates missing exchanges, queues and bindings.
 *
 * Existing ones are not declared again, because RabbitMQ rejects a declare with other arguments (406).
 *
 * @throws {TopologyMissing} with all missing items that this user has no permission to create */
export async function declare(connection: ChannelModel, declaration: Declaration): Promise<void> {
  const scratch = new ScratchChannel(connection);
  const missing: string[] = [];
  try {
    for (const exchange of declaration.exchanges) {
      if (!await ensureExchange(scratch, exchange)) missing.push(`exchange '${exchange.name}'`);
    }
    for (const queue of declaration.queues) {
      if (!await ensureQueue(scratch, queue)) missing.push(`queue '${queue.name}'`);
    }
    if (missing.length > 0) {
      throw new TopologyMissing(
        `Cannot work with this broker because ${missing.join(", ")} ${
          missing.length === 1 ? "is" : "are"
        } missing, ` +
          `and this user has no permission to create it: ${REMEDY}`,
      );
    }
    await bind(scratch, declaration);
  } finally {
    await scratch.close();
  }
}

async function ensureExchange(
  scratch: ScratchChannel,
  { name, type, durable }: Exchange,
): Promise<boolean> {
  if (await exists(scratch, (channel) => channel.checkExchange(name))) return true;
  return await scratch.attempt((channel) => channel.assertExchange(name, type, { durable }));
}

async function ensureQueue(scratch: ScratchChannel, queue: Queue): Promise<boolean> {
  if (await exists(scratch, (channel) => channel.checkQueue(queue.name))) return true;
  return await scratch.attempt((channel) =>
    channel.assertQueue(queue.name, { durable: true, arguments: queueArguments(queue) })
  );
}

/** From RabbitMQ 4.2.6 on, a passive declare needs a permission on the name. Without it, assumes that the item exists. */
async function exists(
  scratch: ScratchChannel,
  check: (channel: Channel) => Promise<unknown>,
): Promise<boolean> {
  try {
    await scratch.attempt(check);
    return true;
  } catch (error) {
    if (codeOf(error) === 404) return false;
    throw error;
  }
}

/** AMQP cannot check bindings. Without permission to bind, assumes that they exist. */
async function bind(scratch: ScratchChannel, { bindings }: Declaration): Promise<void> {
  for (const { exchange, queue, toExchange, routingKey, arguments: given } of bindings) {
    const bound = await scratch.attempt((channel) =>
      queue === undefined
        ? channel.bindExchange(toExchange, exchange, routingKey, { ...given })
        : channel.bindQueue(queue, exchange, routingKey, { ...given })
    );
    if (bound) continue;
    log.debug("This user has no permission to bind: assuming that the bindings exist");
    return;
  }
}

/** A channel for attempts: the broker closes it on each error, and the next attempt opens another. */
class ScratchChannel {
  readonly #connection: ChannelModel;
  #channel: Channel | undefined;

  constructor(connection: ChannelModel) {
    this.#connection = connection;
  }

  /** @returns `false` when the user lacks permission
   * @throws any other error of the broker */
  async attempt(action: (channel: Channel) => Promise<unknown>): Promise<boolean> {
    const channel = this.#channel ??= await this.#open();
    try {
      await action(channel);
      return true;
    } catch (error) {
      this.#channel = undefined;
      if (codeOf(error) === 403) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#channel) await closeChannel(this.#channel);
  }

  async #open(): Promise<Channel> {
    const channel = await this.#connection.createChannel();
    // The rejected call reports the error.
    channel.on("error", () => {});
    return channel;
  }
}
