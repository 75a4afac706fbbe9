/** A queue in memory: first in, first out, with consumers that take turns. */
import type { Message } from "../message.ts";
import type { Death } from "./dead_letter.ts";

/** A message in a queue. */
export interface QueuedMessage {
  /** Orders the queue. */
  readonly id: number;
  readonly message: Message;
  /** Whether the journal has it. */
  readonly journaled: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  redelivered: boolean;
  /** How often it came back. */
  returns: number;
}

/** Takes messages of a queue. */
export interface QueueConsumer {
  /** Whether it takes one more. */
  readonly hasRoom: boolean;
  take(queued: QueuedMessage): void;
}

/** What happens to messages that leave the queue without a consumer. */
export interface MemoryQueueOptions {
  readonly name: string;
  setAside(queued: QueuedMessage, reason: Death): void;
}

/** A queue. Hands out in a microtask, so never within a call of its own. */
export class MemoryQueue {
  readonly name: string;
  readonly #setAside: MemoryQueueOptions["setAside"];
  #ready: QueuedMessage[] = [];
  /** Of `#ready`, those already gone: taking off the front of an array moves all the rest. */
  #gone = 0;
  #consumers: QueueConsumer[] = [];
  #scheduled = false;

  constructor({ name, setAside }: MemoryQueueOptions) {
    this.name = name;
    this.#setAside = setAside;
  }

  /** Messages that wait. */
  get ready(): number {
    return this.#ready.length - this.#gone;
  }

  /** Puts a new message in at the end. */
  put(queued: QueuedMessage): void {
    this.#ready.push(queued);
    this.schedule();
  }

  /** Takes messages back to where they were. */
  giveBack(returned: readonly QueuedMessage[]): void {
    for (const queued of returned) {
      queued.redelivered = true;
      queued.returns++;
    }
    this.#ready = [...returned, ...this.#ready.slice(this.#gone)].sort((one, other) =>
      one.id - other.id
    );
    this.#gone = 0;
    this.schedule();
  }

  attach(consumer: QueueConsumer): void {
    this.#consumers.push(consumer);
    this.schedule();
  }

  detach(consumer: QueueConsumer): void {
    this.#consumers = this.#consumers.filter((other) => other !== consumer);
  }

  /** Hands out soon: a message came, or a consumer has room again. */
  schedule(): void {
    if (this.#scheduled || this.#consumers.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#handOut();
    });
  }

  #handOut(): void {
    while (this.#gone < this.#ready.length) {
      const consumer = this.#consumers.find(({ hasRoom }) => hasRoom);
      if (!consumer) break;
      const queued = this.#ready[this.#gone++];
      if (!queued) break;
      if (queued.expiresAt <= performance.now()) {
        this.#setAside(queued, "expired");
        continue;
      }
      // The next message is for the next in turn.
      this.detach(consumer);
      this.#consumers.push(consumer);
      consumer.take(queued);
    }
    if (this.#gone < 1024 && this.#gone < this.#ready.length) return;
    this.#ready = this.#ready.slice(this.#gone);
    this.#gone = 0;
  }
}
