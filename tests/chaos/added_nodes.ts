/** Adds two nodes to a broker's cluster, so that a queue can lose its majority.
 * @module
 */
import type { PrivateRabbitmq } from "../support/private_rabbitmq.ts";

/** The two added nodes. Disposing stops them. */
export class AddedNodes implements AsyncDisposable {
  readonly #first: PrivateRabbitmq;
  readonly #nodes: readonly PrivateRabbitmq[];

  private constructor(first: PrivateRabbitmq, nodes: readonly PrivateRabbitmq[]) {
    this.#first = first;
    this.#nodes = nodes;
  }

  /** Starts both; resolves when they have joined.
   *
   * @param folder parent of the two nodes' folders */
  static async join(
    first: PrivateRabbitmq,
    folder: string,
    signal: AbortSignal,
  ): Promise<AddedNodes> {
    const nodes = await Promise.all([1, 2].map(async () => {
      return await first.peer(await Deno.makeTempDir({ dir: folder }));
    }));
    const added = new AddedNodes(first, nodes);
    try {
      // one after the other: two nodes that join at once may deadlock
      for (const node of nodes) await node.start(signal);
      return added;
    } catch (error) {
      await added[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Adds a replica of a queue on each node and moves the leader to one of them. */
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

  /** Kills both like a power failure: the queue loses its majority. */
  async kill(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
  }

  /** Restarts both with their data. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.start(signal)));
  }

  /** Removes both from the cluster, and restores the first node to a single-node cluster. */
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
