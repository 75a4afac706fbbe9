/** Receives Celery's remote control commands, runs them and replies (celery/worker/pidbox.py). */
import { getLogger } from "@logtape/logtape";
import type { Broker, Subscription } from "../../shared/broker/broker.ts";
import type { Message } from "../../shared/broker/message.ts";
import {
  CONTROL_EXCHANGE,
  type ControlRequest,
  decodeControl,
  encodeReply,
  isAddressedTo,
  REPLY_EXCHANGE,
} from "../../shared/celery/control.ts";
import { closest } from "../../shared/text/closest.ts";
import { CeleriacError, InvalidInput, Malformed } from "../../shared/errors.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { CommandArguments } from "./command_arguments.ts";
import { INSPECT_COMMANDS } from "./inspect_commands.ts";
import { hasNeighbours, mingle } from "./mingle.ts";
import { type Command, type ControlContext, SILENT } from "./control_context.ts";
import { POOL_COMMANDS } from "./pool_commands.ts";
import { TASK_COMMANDS } from "./task_commands.ts";

/** Arguments of a control queue, as every Celery node declares them (kombu/pidbox.py). */
const QUEUE_ARGUMENTS = { "x-message-ttl": 300_000, "x-expires": 10_000 };

/** Earlier Celery names of the same commands. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["dump_active", "active"],
  ["dump_reserved", "reserved"],
  ["dump_schedule", "scheduled"],
  ["dump_revoked", "revoked"],
  ["dump_tasks", "registered"],
  ["dump_conf", "conf"],
]);

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ...INSPECT_COMMANDS,
  ...TASK_COMMANDS,
  ...POOL_COMMANDS,
]);

/** Commands that are not logged: Flower sends `enable_events` every five seconds, each Celery worker `hello` when it starts. */
const QUIET: ReadonlySet<string> = new Set([...INSPECT_COMMANDS.keys(), "enable_events", "hello"]);

/** Commands that a worker accepts: all, inspection commands only, or none. */
export type RemoteControl = "all" | "inspect" | "off";

/** Options of {@linkcode Control}. */
export interface ControlOptions {
  readonly broker: Broker;
  readonly context: ControlContext;
  /** Default `all`. With `off` the worker has no control queue. */
  readonly allowed?: RemoteControl;
}

/** Consumes the control queue of one worker. */
export class Control implements Service {
  readonly #broker: Broker;
  readonly #context: ControlContext;
  readonly #allowed: RemoteControl;
  readonly #answering = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #started: Promise<void> | undefined;
  #subscription: Promise<Subscription> | undefined;

  constructor({ broker, context, allowed = "all" }: ControlOptions) {
    this.#broker = broker;
    this.#context = context;
    this.#allowed = allowed;
  }

  /** Resolves once commands are received, and the ids that other workers know to be revoked are known here.
   *
   * @throws {InvalidInput} if another connection uses the node name */
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
    if (this.#allowed === "off") return;
    const asks = this.#allowed === "all" &&
      await hasNeighbours(this.#broker, this.#context);
    this.#subscription = this.#broker.listen(
      CONTROL_EXCHANGE,
      (message) => this.#receive(message),
      {
        keys: [""],
        queue: `${this.#context.name}.celery.pidbox`,
        arguments: QUEUE_ARGUMENTS,
      },
    );
    await this.#subscription;
    if (asks) await mingle(this.#broker, this.#context, this.#stopping.signal);
  }

  #receive(message: Message): void {
    // Every user with write access to the default exchange can publish to a queue by its name.
    if (message.exchange !== CONTROL_EXCHANGE) {
      return logger.warn(
        "Ignored a control message that came through exchange '{exchange}' instead of '{expected}'",
        { exchange: message.exchange, expected: CONTROL_EXCHANGE },
      );
    }
    const request = read(message);
    if (!request) return;
    if (request.clock !== null) this.#context.clock.adjust(request.clock);
    if (!isAddressedTo(request, this.#context.name)) return;
    const answering = this.#execute(request).finally(() => this.#answering.delete(answering));
    this.#answering.add(answering);
  }

  async #execute(request: ControlRequest): Promise<void> {
    const value = await this.#run(request);
    if (value === SILENT) return;
    const { name: nodeName, clock } = this.#context;
    const reply = encodeReply(request, { nodeName, value: value ?? null, clock: clock.tick() });
    if (!reply) return;
    // A missing exchange would close the channel. Any other exchange would let the sender publish with this worker's rights.
    if (reply.exchange !== REPLY_EXCHANGE) {
      return logger.warn("Did not reply through exchange '{exchange}': expected '{expected}'", {
        exchange: reply.exchange,
        expected: REPLY_EXCHANGE,
      });
    }
    await this.#broker.publish(reply, { mandatory: false }).catch((error) =>
      logger.info("Cannot send the reply to {method}: {error}", { ...request, error })
    );
  }

  async #run({ method, arguments: given }: ControlRequest): Promise<unknown> {
    const name = ALIASES.get(method) ?? method;
    const command = COMMANDS.get(name);
    try {
      if (!command) throw unknownCommand(method);
      if (this.#allowed !== "all" && !INSPECT_COMMANDS.has(name)) throw notAllowed(method);
      if (!QUIET.has(name)) logger.info("Remote control: {method} {given}", { method, given });
      return await command(new CommandArguments(method, given), this.#context);
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
    logger.warn("Cannot read a control message: {error}", { error });
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

function notAllowed(method: string): InvalidInput {
  return new InvalidInput(
    `Cannot run '${method}' because this worker only answers inspection commands: set CELERIAC_REMOTE_CONTROL=all`,
  );
}

const logger = getLogger(["celeriac", "worker"]);
