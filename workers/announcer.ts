/** Tells the world what happens to tasks, on Celery's event exchange, many in one message. */
import type { Broker } from "../shared/broker/broker.ts";
import { encodeEvents, type TimedEvent } from "../shared/celery/event.ts";
import type { TaskEvent } from "../shared/events.ts";
import type { Service } from "../shared/service.ts";

/** How long an event may wait for company: a waiting caller is woken this much later. */
const GATHER_MS = 20;
/** Events in one message at most. */
const BATCH_MAX = 500;

/** Publishes events; those that the broker does not take are lost, as events are best effort everywhere in Celery. */
export class Announcer implements Service {
  readonly #broker: Broker;
  readonly #node: { hostname: string; pid: number; clock(): number };
  #gathered: TimedEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor({ broker, node }: { broker: Broker; node: string }) {
    let clock = 0;
    this.#broker = broker;
    this.#node = { hostname: node, pid: Deno.pid, clock: () => ++clock };
  }

  /** Listens to {@linkcode Events}. */
  readonly announce = (event: TaskEvent): void => {
    this.#gathered.push({ event, timestamp: Date.now() / 1000 });
    if (this.#gathered.length >= BATCH_MAX) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  };

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#flush();
    await this.#sending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#gathered;
    if (events.length === 0) return;
    this.#gathered = [];
    const sent = this.#broker.publish(encodeEvents(events, this.#node), { mandatory: false }).catch(() => {});
    this.#sending = this.#sending.then(() => sent);
  }
}
