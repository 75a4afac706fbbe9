/** Interface to the persistent store of an in-memory broker. */
import type { Message } from "../message.ts";

/** A message of a durable queue. */
export interface JournalEntry {
  /** Unique; ascending in queue order. */
  readonly id: number;
  readonly queue: string;
  readonly message: Message;
}

/** Stores entries across restarts of the process. */
export interface Journal {
  /** Prepares the storage and returns all entries by id. Called once, before any other method. */
  load(): Promise<JournalEntry[]>;
  /** Resolves when the entries are stored, in the order of the calls. */
  append(entries: readonly JournalEntry[]): Promise<void>;
  /** Removes an acked entry. Runs in the background: after a crash before the removal, the message is redelivered. */
  remove(id: number): void;
  /** Resolves when all pending operations are done. */
  close(): Promise<void>;
}
