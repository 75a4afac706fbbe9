/** Distributes task events from the broker to the requests that wait for a task. */
import { getLogger } from "@logtape/logtape";
import type { Broker, Subscription } from "../../shared/broker/broker.ts";
import type { Message } from "../../shared/broker/message.ts";
import { decodeEvents, EVENT_EXCHANGE, type ReceivedEvent } from "../../shared/celery/event.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { WaitingPlaces } from "./waiting_places.ts";

/** Milliseconds before the next attempt to subscribe, when the exchange does not exist yet. */
const RETRY_MS = 5000;

const log = getLogger(["celeriac", "api"]);

/** Receives events. Must not throw or block. */
export type TaskEventListener = (event: ReceivedEvent) => void;

/** Maximum number of waiting callers: each needs a connection and about 100 kB of memory. */
const LISTENERS_MAX = 4000;

/** Old events are useless; Celery's own event queues have the same TTL. */
const QUEUE_ARGUMENTS = { "x-message-ttl": 5000, "x-max-length": 100_000 };

/** Milliseconds before an idle subscription closes: workers send no events without a subscriber, which saves work. */
const LINGER_MS = 30_000;

/** Tasks with a listener up to which a message is searched for their ids. Decoding takes as long as the search for about 50. */
const SEARCHED_MAX = 16;

/** Ids that JSON does not escape. */
const PLAIN_ID = /^[\w.:-]+$/;

const decoder = new TextDecoder();

/** Subscribes to task events while a caller waits. Events are best effort: callers must also poll the store. */
export class EventHub implements Service {
  readonly #broker: Pick<Broker, "listen">;
  readonly #lingerMs: number;
  readonly #places: WaitingPlaces;
  readonly #listeners = new Map<string, Set<TaskEventListener>>();
  readonly #observers = new Set<TaskEventListener>();
  readonly #allListeners = new Set<() => void>();
  #listening: Listening | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #started = false;
  #closing = new AbortController();
  #count = 0;

  /** @param options.lingerMs milliseconds before an idle subscription closes. Default 30 s
   * @param options.limit maximum number of waiting callers. Default 4,000 */
  constructor(options: { broker: Pick<Broker, "listen">; lingerMs?: number; limit?: number }) {
    this.#broker = options.broker;
    this.#lingerMs = options.lingerMs ?? LINGER_MS;
    this.#places = new WaitingPlaces(options.limit ?? LISTENERS_MAX);
  }

  /** Subscribes if callers wait already, and otherwise with the first caller: a subscription makes all workers publish their events. Does not
   * wait for the broker. */
  start(): Promise<void> {
    if (this.#closing.signal.aborted) this.#closing = new AbortController();
    this.#started = true;
    if (this.#count > 0) this.#wake();
    return Promise.resolve();
  }

  /** Also ends all waits. Stop the hub before the HTTP server. */
  async stop(): Promise<void> {
    this.#closing.abort();
    this.#started = false;
    clearTimeout(this.#linger);
    await this.#hush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Aborts when the hub stops. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Resolves after the first attempt to subscribe; at once while nobody has waited. */
  async ready(): Promise<void> {
    await this.#listening?.tried;
  }

  /** Subscribes a waiting caller to one task until disposed.
   *
   * @param owner who waits, for its share of the places
   * @throws {Unavailable} above the limit of waiting callers */
  subscribe(id: string, listener: TaskEventListener, owner?: string): Disposable {
    const admitted = this.admit(owner);
    const following = this.follow(id, listener);
    return {
      [Symbol.dispose]: () => {
        following[Symbol.dispose]();
        admitted[Symbol.dispose]();
      },
    };
  }

  /** Counts a waiting caller until disposed. Receives events meanwhile.
   *
   * @param owner who waits, for its share of the places
   * @throws {Unavailable} above the limit of waiting callers */
  admit(owner?: string): Disposable {
    const place = this.#places.take(owner);
    this.#count++;
    this.#wake();
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        place[Symbol.dispose]();
        this.#count--;
        this.#rest();
      },
    };
  }

  /** Listens to one task on behalf of callers that are admitted, until disposed. */
  follow(id: string, listener: TaskEventListener): Disposable {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0 && this.#listeners.get(id) === listeners) {
          this.#listeners.delete(id);
        }
      },
    };
  }

  /** Counts a caller that waits for something else than a task, until disposed.
   *
   * @param owner who waits, for its share of the places
   * @throws {Unavailable} above the limit of waiting callers */
  reserve(owner?: string): Disposable {
    return this.#places.take(owner);
  }

  /** Receives the events of any task that arrive in a message for a listener of one task, until disposed. Causes neither a subscription nor
   * the decoding of a message. */
  observe(listener: TaskEventListener): Disposable {
    this.#observers.add(listener);
    return { [Symbol.dispose]: () => this.#observers.delete(listener) };
  }

  /** Calls the listener at each message with events of any tasks, which it does not decode, on behalf of a caller that is admitted, until
   * disposed. */
  subscribeAll(listener: () => void): Disposable {
    this.#allListeners.add(listener);
    return { [Symbol.dispose]: () => this.#allListeners.delete(listener) };
  }

  #wake(): void {
    clearTimeout(this.#linger);
    if (this.#started) {
      this.#listening ??= new Listening(this.#broker, (message) => this.#hear(message));
    }
  }

  /** Closes the subscription after an idle time. */
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

  /** Whether somebody may listen to one of a message's events. Decoding them costs more than all else here, and workers send the events of
   * all tasks: many for one that a caller waits for, and for a while after the last caller has gone. */
  #mayConcern({ body }: Message): boolean {
    if (this.#listeners.size === 0) return false;
    if (this.#listeners.size > SEARCHED_MAX) return true;
    const text = decoder.decode(body);
    for (const id of this.#listeners.keys()) {
      if (!PLAIN_ID.test(id) || text.includes(id)) return true;
    }
    return false;
  }

  #hear(message: Message): void {
    for (const listener of this.#allListeners) listener();
    if (!this.#mayConcern(message)) return;
    let events: ReceivedEvent[];
    try {
      events = decodeEvents(message);
    } catch (error) {
      log.debug("Cannot read an event: {error}", { error });
      return;
    }
    for (const event of events) {
      if (event.uuid === null) continue;
      for (const listener of this.#observers) listener(event);
      for (const listener of this.#listeners.get(event.uuid) ?? []) listener(event);
    }
  }
}

/** One subscription; starts when created. */
class Listening {
  /** Resolves after the first attempt. */
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
