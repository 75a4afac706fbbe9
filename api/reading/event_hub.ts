/** What is heard on the event exchange, told on to whoever waits for one task. */
import { getLogger } from "@logtape/logtape";
import type { Broker, Subscription } from "../../shared/broker/broker.ts";
import type { Message } from "../../shared/broker/message.ts";
import { decodeEvents, EVENT_EXCHANGE, type HeardEvent } from "../../shared/celery/event.ts";
import { Unavailable } from "../../shared/errors.ts";
import type { Service } from "../../shared/runtime/service.ts";

/** Before another attempt to listen, when the exchange is not there yet. */
const RETRY_MS = 5000;

const log = getLogger(["celeriac", "api"]);

/** Hears the events of one task, or of all. Must not throw and must not wait. */
export type TaskEventListener = (event: HeardEvent) => void;

/** Callers that may wait at once: each holds a connection and about 100 kB of memory. */
const LISTENERS_MAX = 4000;

/** Events are worth hearing while they are fresh only; Celery's own queues of events drop them as soon. */
const QUEUE_ARGUMENTS = { "x-message-ttl": 5000, "x-max-length": 100_000 };

/** How long to go on listening when nobody waits any more: workers say nothing while nobody listens, and that saves much. */
const LINGER_MS = 30_000;

/** Overhears task events while somebody waits for one. Best effort, as events are: who waits must re-read the store as well. */
export class EventHub implements Service {
  readonly #broker: Pick<Broker, "listen">;
  readonly #lingerMs: number;
  readonly #limit: number;
  readonly #listeners = new Map<string, Set<TaskEventListener>>();
  readonly #allListeners = new Set<TaskEventListener>();
  #listening: Listening | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #started = false;
  #closing = new AbortController();
  #count = 0;

  /** @param options.lingerMs for how long to go on listening when nobody waits any more. Default 30 s
   * @param options.limit callers that may wait at once. Default 4,000 */
  constructor(options: { broker: Pick<Broker, "listen">; lingerMs?: number; limit?: number }) {
    this.#broker = options.broker;
    this.#lingerMs = options.lingerMs ?? LINGER_MS;
    this.#limit = options.limit ?? LISTENERS_MAX;
  }

  /** Begins to listen; does not wait for a broker that is not there yet. */
  start(): Promise<void> {
    if (this.#closing.signal.aborted) this.#closing = new AbortController();
    this.#started = true;
    this.#wake();
    this.#rest();
    return Promise.resolve();
  }

  /** Ends all waiting as well, so that a server can shut down: stop this first. */
  async stop(): Promise<void> {
    this.#closing.abort();
    this.#started = false;
    clearTimeout(this.#linger);
    await this.#hush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Aborts when listening is stopped. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Resolves when the first attempt to listen is over. */
  async ready(): Promise<void> {
    await this.#listening?.tried;
  }

  /** Hears the events of one task until disposed.
   *
   * @throws {Unavailable} when too many wait already */
  subscribe(id: string, listener: TaskEventListener): Disposable {
    if (this.#count >= this.#limit) {
      throw new Unavailable(
        `Cannot wait because ${this.#limit} callers wait already: ask again later, or raise CELERIAC_MAX_WAITING`,
      );
    }
    this.#count++;
    this.#wake();
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        if (!listeners.delete(listener)) return;
        this.#count--;
        if (listeners.size === 0 && this.#listeners.get(id) === listeners) {
          this.#listeners.delete(id);
        }
        this.#rest();
      },
    };
  }

  /** Hears the events of all tasks until disposed. */
  subscribeAll(listener: TaskEventListener): Disposable {
    this.#allListeners.add(listener);
    return { [Symbol.dispose]: () => this.#allListeners.delete(listener) };
  }

  #wake(): void {
    clearTimeout(this.#linger);
    if (this.#started) {
      this.#listening ??= new Listening(this.#broker, (message) => this.#hear(message));
    }
  }

  /** Stops listening after a while in which nobody waited. */
  #rest(): void {
    if (this.#count > 0 || !this.#started) return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.#hush(), this.#lingerMs);
    Deno.unrefTimer(this.#linger);
  }

  async #hush(): Promise<void> {
    const listening = this.#listening;
    this.#listening = undefined;
    await listening?.end();
  }

  #hear(message: Message): void {
    let events: HeardEvent[];
    try {
      events = decodeEvents(message);
    } catch (error) {
      log.debug("Cannot read an event: {error}", { error });
      return;
    }
    for (const event of events) {
      if (event.uuid === null) continue;
      for (const listener of this.#allListeners) listener(event);
      for (const listener of this.#listeners.get(event.uuid) ?? []) listener(event);
    }
  }
}

/** One stretch of listening; begins when made. */
class Listening {
  /** Resolves when the first attempt is over. */
  readonly tried: Promise<void>;
  #ended = false;
  #subscription: Subscription | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly broker: Pick<Broker, "listen">,
    readonly heard: (message: Message) => void,
  ) {
    this.tried = this.#listen();
  }

  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#retry);
    await this.#subscription?.close();
  }

  async #listen(): Promise<void> {
    try {
      const options = { keys: ["task.#"], arguments: QUEUE_ARGUMENTS };
      const subscription = await this.broker.listen(EVENT_EXCHANGE, this.heard, options);
      if (this.#ended) await subscription.close();
      else this.#subscription = subscription;
    } catch (error) {
      if (this.#ended) return;
      log.warn("Cannot receive task events, so the store is read instead: {error}", { error });
      this.#retry = setTimeout(() => this.#listen(), RETRY_MS);
    }
  }
}
