/** The seam that lets an in-memory broker forget nothing: what its durable queues hold. */
import type { Message } from "../message.ts";

/** A message in a queue. */
export interface JournalEntry {
  /** Unique, and in the order of the queue. */
  readonly id: number;
  readonly queue: string;
  readonly message: Message;
}

/** Keeps entries over a restart of the process. */
export interface Journal {
  /** Makes the place ready and reads all that is there, by id. Called once, before anything else. */
  load(): Promise<JournalEntry[]>;
  /** Resolves when the entries are safe, in the order of the calls. */
  append(entries: readonly JournalEntry[]): Promise<void>;
  /** Forgets entries that were answered. Nobody waits for it: an entry that outlives its answer is handed out once more. */
  remove(id: number): void;
  /** Resolves when all that was asked for is done. */
  close(): Promise<void>;
}
