/** Declaring what a process needs, without ever changing what is there. */
import { getLogger } from "@logtape/logtape";
import type { Channel, ChannelModel } from "amqplib";
import { TopologyMissing } from "../../errors.ts";
import type { Exchange, Queue } from "../declaration.ts";
import { codeOf } from "./reason.ts";
import type { Declaration } from "../declaration.ts";
import { REMEDY } from "../errors.ts";

const log = getLogger(["celeriac", "broker"]);

/** Makes what is missing, where this user may; otherwise finds out what is missing.
 *
 * What exists is left as it is, whatever its type and arguments: RabbitMQ answers an unequal declare with a 406.
 *
 * @throws {TopologyMissing} naming all that is missing and that this user may not make */
export async function declare(connection: ChannelModel, declaration: Declaration): Promise<void> {
  const scratch = new Scratch(connection);
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
          `and this user may not make what is missing: ${REMEDY}`,
      );
    }
    await bind(scratch, declaration);
  } finally {
    await scratch.close();
  }
}

async function ensureExchange(
  scratch: Scratch,
  { name, type, durable }: Exchange,
): Promise<boolean> {
  if (await exists(scratch, (channel) => channel.checkExchange(name))) return true;
  return await scratch.may((channel) => channel.assertExchange(name, type, { durable }));
}

async function ensureQueue(scratch: Scratch, { name, type }: Queue): Promise<boolean> {
  if (await exists(scratch, (channel) => channel.checkQueue(name))) return true;
  return await scratch.may((channel) =>
    channel.assertQueue(name, {
      durable: true,
      arguments: type === undefined ? {} : { "x-queue-type": type },
    })
  );
}

/** From 4.2.6 on even a passive declare needs a permission on the name: one who may not look trusts that it is there. */
async function exists(
  scratch: Scratch,
  check: (channel: Channel) => Promise<unknown>,
): Promise<boolean> {
  try {
    await scratch.may(check);
    return true;
  } catch (error) {
    if (codeOf(error) === 404) return false;
    throw error;
  }
}

/** Bindings cannot be looked at. One who may not bind trusts that they are there. */
async function bind(scratch: Scratch, { bindings }: Declaration): Promise<void> {
  for (const { exchange, queue, routingKey, arguments: given } of bindings) {
    const bound = await scratch.may((channel) =>
      channel.bindQueue(queue, exchange, routingKey, { ...given })
    );
    if (bound) continue;
    log.debug("This user may not bind: trusting that the bindings are there");
    return;
  }
}

/** A channel to try things on: each refusal closes it, and the next try takes another. */
class Scratch {
  readonly #connection: ChannelModel;
  #channel: Channel | undefined;

  constructor(connection: ChannelModel) {
    this.#connection = connection;
  }

  /** @returns `false` when the permissions do not suffice
   * @throws what the broker answers otherwise */
  async may(action: (channel: Channel) => Promise<unknown>): Promise<boolean> {
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
    await this.#channel?.close().catch(() => {});
  }

  async #open(): Promise<Channel> {
    const channel = await this.#connection.createChannel();
    // The rejected call tells the reason.
    channel.on("error", () => {});
    return channel;
  }
}
