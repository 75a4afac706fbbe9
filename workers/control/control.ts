/** Hears Celery's remote control and answers (celery/worker/pidbox.py): a worker of ours obeys what Celery's do. */
import { getLogger } from "@logtape/logtape";
import type { Broker, Message, Subscription } from "../../shared/broker/broker.ts";
import {
  CONTROL_EXCHANGE,
  type ControlRequest,
  decodeControl,
  encodeReply,
  isForUs,
  REPLY_EXCHANGE,
} from "../../shared/celery/control.ts";
import { closest } from "../../shared/closest.ts";
import { CeleriacError, InvalidInput, Malformed } from "../../shared/errors.ts";
import type { Service } from "../../shared/service.ts";
import { Arguments } from "./arguments.ts";
import { INSPECTING } from "./inspecting.ts";
import { hasNeighbours, mingle } from "./mingle.ts";
import { type Command, type Node, SILENT } from "./node.ts";
import { STAFFING } from "./staffing.ts";
import { STEERING } from "./steering.ts";

/** Arguments of a control queue, as every Celery node declares its own (kombu/pidbox.py). */
const QUEUE_ARGUMENTS = { "x-message-ttl": 300_000, "x-expires": 10_000 };

/** Names that Celery has given the same commands before. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["dump_active", "active"],
  ["dump_reserved", "reserved"],
  ["dump_schedule", "scheduled"],
  ["dump_revoked", "revoked"],
  ["dump_tasks", "registered"],
  ["dump_conf", "conf"],
]);

const COMMANDS: ReadonlyMap<string, Command> = new Map([...INSPECTING, ...STEERING, ...STAFFING]);

/** Not worth a line: Flower enables events every five seconds. */
const QUIET: ReadonlySet<string> = new Set([...INSPECTING.keys(), "enable_events"]);

/** The worker's ear on the control exchange, and its mouth. */
export class Control implements Service {
  readonly #broker: Broker;
  readonly #node: Node;
  readonly #answering = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #started: Promise<void> | undefined;
  #subscription: Promise<Subscription> | undefined;

  constructor({ broker, node }: { broker: Broker; node: Node }) {
    this.#broker = broker;
    this.#node = node;
  }

  /** Resolves once commands are heard, and what other workers know to be revoked is known here too.
   *
   * @throws {InvalidInput} when another connection holds the node's name */
  start(): Promise<void> {
    return this.#started ??= this.#start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const subscription = await this.#subscription;
    await subscription?.close();
    await Promise.all(this.#answering);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    const asks = await hasNeighbours(this.#broker, this.#node);
    this.#subscription = this.#broker.listen(CONTROL_EXCHANGE, (message) => this.#hear(message), {
      keys: [""],
      queue: `${this.#node.name}.celery.pidbox`,
      arguments: QUEUE_ARGUMENTS,
    });
    await this.#subscription;
    if (asks) await mingle(this.#broker, this.#node, this.#stopping.signal);
  }

  #hear(message: Message): void {
    const request = read(message);
    if (!request) return;
    if (request.clock !== null) this.#node.clock.hear(request.clock);
    if (!isForUs(request, this.#node.name)) return;
    const answering = this.#obey(request).finally(() => this.#answering.delete(answering));
    this.#answering.add(answering);
  }

  async #obey(request: ControlRequest): Promise<void> {
    const value = await this.#run(request);
    if (value === SILENT) return;
    const { name: nodeName, clock } = this.#node;
    const reply = encodeReply(request, { nodeName, value: value ?? null, clock: clock.tick() });
    if (!reply) return;
    // A missing exchange would close the channel that all messages go through.
    if (reply.exchange !== REPLY_EXCHANGE && reply.exchange !== "") {
      return logger.warn("Nobody is answered through exchange {exchange}", { ...reply });
    }
    await this.#broker.publish(reply, { mandatory: false }).catch((error) =>
      logger.info("Answer to {method} was not sent: {error}", { ...request, error })
    );
  }

  async #run({ method, arguments: given }: ControlRequest): Promise<unknown> {
    const name = ALIASES.get(method) ?? method;
    const command = COMMANDS.get(name);
    try {
      if (!command) throw unknownCommand(method);
      if (!QUIET.has(name)) logger.info("Remote control: {method} {given}", { method, given });
      return await command(new Arguments(method, given), this.#node);
    } catch (error) {
      if (!(error instanceof CeleriacError)) {
        logger.error("Command {method} failed: {error}", { method, error });
      }
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }
}

function read(message: Message): ControlRequest | undefined {
  try {
    return decodeControl(message);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    logger.warn("Control message was not understood: {error}", { error });
    return undefined;
  }
}

function unknownCommand(method: string): InvalidInput {
  const near = closest(method, COMMANDS.keys());
  return new InvalidInput(
    `Cannot run '${method}' because there is no such command${
      near ? `: did you mean '${near}'?` : ""
    }`,
  );
}

const logger = getLogger(["celeriac", "worker"]);
