/** What the caller of a worker process provides. */
import type { AmqpAddress } from "../shared/broker/amqp/address.ts";
import type { Broker } from "../shared/broker/broker.ts";
import type { Config } from "../shared/config/settings.ts";
import type { Registry } from "../shared/contracts/registry.ts";
import type { Database } from "../shared/database/database.ts";
import type { CloudEventListener } from "../shared/events/cloud_event_listener.ts";
import type { EventContracts } from "../shared/events/event_contracts.ts";
import type { Log } from "../shared/telemetry/log.ts";
import type { Handlers } from "./handlers.ts";

/** Parts that the caller provides. It also starts and stops the broker and the database. */
export interface WorkerParts {
  readonly config: Config;
  readonly registry: Registry;
  readonly handlers: Handlers;
  /** Functions of `onEach()`. Default: none. */
  readonly listeners?: readonly CloudEventListener[];
  /** Contracts of the events that handlers emit. Default: none. */
  readonly events?: EventContracts;
  /** URLs of the modules that child processes load. */
  readonly modules: { readonly contracts: string; readonly handlers: string };
  readonly broker: Broker;
  /** Addresses of the broker, for inspection commands; absent if the broker runs in this process. */
  readonly addresses?: readonly AmqpAddress[];
  readonly database: Database;
  /** Receives a line when a task is received and when it ends. Default: none. */
  readonly log?: Log;
}
