/** Two more nodes of a broker's cluster, which give a queue a majority that can be lost.
 * @module
 */
import type { PrivateRabbitmq } from "../support/private_rabbitmq.ts";

/** Both peers. Disposing ends them. */
export class Peers implements AsyncDisposable {
  readonly #first: PrivateRabbitmq;
  readonly #nodes: readonly PrivateRabbitmq[];

  private constructor(first: PrivateRabbitmq, nodes: readonly PrivateRabbitmq[]) {
    this.#first = first;
    this.#nodes = nodes;
  }

  /** Starts both; resolves when they have joined.
   *
   * @param folder holds a folder for each */
  static async join(
    first: PrivateRabbitmq,
    folder: string,
    signal: AbortSignal,
  ): Promise<Peers> {
    const nodes = await Promise.all([1, 2].map(async () => {
      return await first.peer(await Deno.makeTempDir({ dir: folder }));
    }));
    const peers = new Peers(first, nodes);
    try {
      // One after the other: two that join at once may wait for each other.
      for (const node of nodes) await node.start(signal);
      return peers;
    } catch (error) {
      await peers[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Gives a queue a member on each of them, and makes one of these the leader. */
  async carry(vhost: string, queue: string): Promise<void> {
    const only = ["--vhost-pattern", `^${vhost}$`, "--queue-pattern", `^${queue}$`];
    for (const { node } of this.#nodes) {
      await this.#first.control(["grow", node, "all", ...only], "rabbitmq-queues");
    }
    const leader = this.#nodes[0]!.node;
    await this.#first.control([
      "eval",
      `{ok, Queue} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"${vhost}">>, queue, <<"${queue}">>)),
      {Name, Node} = amqqueue:get_pid(Queue),
      ra:transfer_leadership({Name, Node}, {Name, '${leader}'}).`,
    ]);
  }

  /** Ends both as a power cut would: the queue has no majority any more. */
  async kill(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
  }

  /** Starts both again on their data. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.start(signal)));
  }

  /** Ends both for good, and leaves the first node as it was alone. */
  async leave(vhost: string, queue: string): Promise<void> {
    for (const { node } of this.#nodes) {
      const member = ["delete_member", "--vhost", vhost, queue, node];
      await this.#first.control(member, "rabbitmq-queues");
    }
    await this.kill();
    for (const { node } of this.#nodes) {
      await this.#first.control(["forget_cluster_node", node]);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
