/** A FIFO queue in memory with round-robin delivery to its consumers. */
import type { Message } from "../message.ts";
import type { DeathReason } from "./dead_letter.ts";

/** A message in a queue. */
export interface QueuedMessage {
  /** Position in the queue. */
  readonly id: number;
  readonly message: Message;
  /** Whether the message is in the journal. */
  readonly journaled: boolean;
  /** Milliseconds of `performance.now()`; `Infinity` without an expiration. */
  readonly expiresAt: number;
  redelivered: boolean;
  /** Number of times it was requeued. */
  returns: number;
}

/** Receives messages of a queue. */
export interface QueueConsumer {
  /** Whether the prefetch allows another delivery. */
  readonly hasRoom: boolean;
  take(queued: QueuedMessage): void;
}

/** Options of {@linkcode MemoryQueue}. */
export interface MemoryQueueOptions {
  readonly name: string;
  /** Called for an expired message. */
  onDeadLetter(queued: QueuedMessage, reason: DeathReason): void;
}

/** A queue. Delivers in a microtask, never inside a call of its methods. */
export class MemoryQueue {
  readonly name: string;
  readonly #onDeadLetter: MemoryQueueOptions["onDeadLetter"];
  #ready: QueuedMessage[] = [];
  /** Number of leading items of `#ready` that are already delivered; removing each from the array's front would move the rest. */
  #head = 0;
  #consumers: QueueConsumer[] = [];
  #scheduled = false;

  constructor({ name, onDeadLetter }: MemoryQueueOptions) {
    this.name = name;
    this.#onDeadLetter = onDeadLetter;
  }

  /** Number of ready messages. */
  get ready(): number {
    return this.#ready.length - this.#head;
  }

  /** Number of consumers. */
  get consumers(): number {
    return this.#consumers.length;
  }

  /** Appends a new message. */
  put(queued: QueuedMessage): void {
    this.#ready.push(queued);
    this.schedule();
  }

  /** Requeues messages at their original positions. */
  requeue(returned: readonly QueuedMessage[]): void {
    for (const queued of returned) {
      queued.redelivered = true;
      queued.returns++;
    }
    this.#ready = [...returned, ...this.#ready.slice(this.#head)].sort((one, other) =>
      one.id - other.id
    );
    this.#head = 0;
    this.schedule();
  }

  attach(consumer: QueueConsumer): void {
    this.#consumers.push(consumer);
    this.schedule();
  }

  detach(consumer: QueueConsumer): void {
    this.#consumers = this.#consumers.filter((other) => other !== consumer);
  }

  /** Schedules deliveries after a new message, or when a consumer has room again. */
  schedule(): void {
    if (this.#scheduled || this.#consumers.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#head < this.#ready.length) {
      const consumer = this.#consumers.find(({ hasRoom }) => hasRoom);
      if (!consumer) break;
      const queued = this.#ready[this.#head++];
      if (!queued) break;
      if (queued.expiresAt <= performance.now()) {
        this.#onDeadLetter(queued, "expired");
        continue;
      }
      // Round robin: the next message goes to the next consumer.
      this.detach(consumer);
      this.#consumers.push(consumer);
      consumer.take(queued);
    }
    if (this.#head < 1024 && this.#head < this.#ready.length) return;
    this.#ready = this.#ready.slice(this.#head);
    this.#head = 0;
  }
}
