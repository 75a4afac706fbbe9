/** Messages in flight to one destination: a ledger with a bound for each in time, and for all in number and in bytes.
 *
 * Without a majority, with a frozen leader or under an alarm a confirm never comes, and no refusal either. So nobody waits for one
 * longer than the bound; a message that is given up may still arrive later, as a duplicate.
 *
 * A destination that confirms nothing is suspect: new messages are rejected at once, except for one at a time, with backoff, that
 * finds out whether it confirms again. A late confirm ends the suspicion as well.
 * @module
 */
import type { Message } from "../message.ts";
import { type Limit, Usage } from "./usage.ts";
import { retryDelay, type RetryPolicy } from "../../contracts/retry.ts";
import { crowded, tooLate, unanswered, unsent } from "../errors.ts";

/** A message in the ledger. */
export interface Pending {
  readonly message: Message;
  readonly mandatory: boolean;
  readonly replyTo: string | undefined;
  /** What a return of the message is known by. */
  messageId: string | undefined;
  /** Set once the broker has returned the message: its confirm then counts as this error. */
  error: Error | undefined;
}

/** Ends a message.
 *
 * @param error `undefined` when it is confirmed
 * @param isAnswer whether the broker said so. Default `true`; `false` when the channel was lost */
export type Answer = (error: Error | undefined, isAnswer?: boolean) => void;

/** How long, how many, and what to do. */
export interface ConfirmsOptions {
  /** Milliseconds from {@linkcode Confirms.add} to the confirm. */
  readonly timeoutMs: number;
  /** What may be with the broker and not confirmed; more waits for its turn. */
  readonly inFlight: Limit;
  /** What may wait; more is refused. */
  readonly waiting: Limit;
  /** Milliseconds without any answer, while messages wait for one, after which all of them are given up at once. Default: never, each has its own bound. */
  readonly silenceMs?: number | undefined;
  /** Hands a message to the channel and calls `answer` with its confirm, or with the error that ends it. What it throws rejects the message. */
  send(pending: Pending, answer: Answer): void;
  /** Called when as much as may be in flight was given up: its channel answers no more. */
  stalled(): void;
}

/** Looks at the ledger within the time of silence. Looks are counted, not milliseconds: a busy event loop delays answers and looks alike. */
const LOOKS = 5;

/** Seconds from a silence to the next try: each try may leave one more copy with the broker. */
const PROBE: RetryPolicy = Object.freeze({ maxAttempts: Infinity, base: 2, cap: 30, jitter: 0.2 });

type State = "waiting" | "sent" | "settled";

/** The ledger. Knows no AMQP: it is told when it may send, and what the answer was. */
export class Confirms {
  readonly #options: ConfirmsOptions;
  /** In the order of arrival, which is that of the deadlines. */
  readonly #entries = new Set<Entry>();
  #waiting: Entry[] = [];
  #open = false;
  readonly #waitingLoad = new Usage();
  /** With the broker and unanswered, those given up included: their bodies stay in memory as long. */
  readonly #sent = new Usage();
  readonly #givenUp = new Usage();
  /** Counts channels: an answer from one before is of no interest. */
  #epoch = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Looks since the last answer. */
  #looks = 0;
  #answeredAt = 0;
  /** Silences since the last answer. */
  #silences = 0;
  #silentUntil = 0;
  #idle: (() => void)[] = [];

  constructor(options: ConfirmsOptions) {
    this.#options = options;
  }

  /** Messages neither confirmed nor given up. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether the last messages were not answered, and nothing has been answered since. */
  get isSuspect(): boolean {
    return this.#silences > 0;
  }

  /** Whether a message would be rejected at once: suspect, and being tried or not due to be tried again. */
  get silent(): boolean {
    return this.isSuspect && (this.size > 0 || performance.now() < this.#silentUntil);
  }

  /** Milliseconds of `performance.now()` at the last answer; 0 before the first. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** The messages with the broker, oldest first. */
  *inFlight(): Iterable<Pending> {
    for (const entry of this.#entries) if (entry.state === "sent") yield entry;
  }

  /** Sends a message, or lets it wait until it can be sent.
   *
   * @throws {BrokerUnavailable} when the bound passes; what ended it otherwise
   * @throws {NotSent} when nothing is confirmed, or too much waits */
  add(
    message: Message,
    options: { mandatory: boolean; replyTo?: string | undefined; signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (this.silent) return Promise.reject(unsent(message));
    const atOnce = this.#open && this.#waitingLoad.messages === 0 &&
      !this.#sent.reaches(this.#options.inFlight);
    if (!atOnce && this.#waitingLoad.reaches(this.#options.waiting)) {
      return Promise.reject(crowded(message));
    }
    return new Promise<void>((resolve, reject) => {
      const since = performance.now();
      const entry = new Entry(message, options.mandatory, options.replyTo, since, resolve, reject);
      entry.deadline = since + this.#options.timeoutMs;
      if (options.signal) this.#watch(entry, options.signal);
      this.#entries.add(entry);
      if (this.#timer === undefined) this.#look();
      if (atOnce) return this.#send(entry);
      this.#waiting.push(entry);
      this.#waitingLoad.add(message);
    });
  }

  /** There is a channel: what waits is sent. */
  resume(): void {
    this.#open = true;
    this.#pump();
  }

  /** There is no channel for the moment: what comes waits. */
  pause(): void {
    this.#open = false;
  }

  /** The channel is of no use any more: what is with the broker fails. What waits goes on waiting. */
  abandon(error: (message: Message) => Error): void {
    this.#open = false;
    this.#epoch++;
    this.#sent.clear();
    this.#givenUp.clear();
    for (const entry of this.#entries) {
      if (entry.state === "sent") this.#settle(entry, error(entry.message));
    }
  }

  /** Nothing will be sent in the near future: what waits fails at once. */
  refuse(error: (message: Message) => Error): void {
    for (const entry of this.#waiting.splice(0)) {
      if (entry.state === "waiting") this.#settle(entry, error(entry.message));
    }
  }

  /** A suspect destination is tried with the next message: there is another connection. */
  retry(): void {
    this.#silentUntil = 0;
  }

  /** What is with the broker has this much longer, at most. */
  hasten(milliseconds: number): void {
    const deadline = performance.now() + milliseconds;
    for (const entry of this.#entries) {
      if (entry.state === "sent" && entry.deadline > deadline) entry.deadline = deadline;
    }
  }

  /** Resolves as soon as there is nothing in the ledger: after the bound at the latest. */
  idle(): Promise<void> {
    if (this.#entries.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #look(): void {
    const { timeoutMs, silenceMs = Infinity } = this.#options;
    this.#looks = 0;
    this.#timer = setInterval(
      () => this.#sweep(),
      Math.max(5, Math.min(timeoutMs / 20, silenceMs / LOOKS)),
    );
  }

  #send(entry: Entry): void {
    entry.state = "sent";
    this.#sent.add(entry.message);
    const epoch = this.#epoch;
    try {
      this.#options.send(entry, (error, isAnswer = true) => {
        if (epoch === this.#epoch) this.#answered(entry, error, isAnswer);
      });
    } catch (error) {
      this.#sent.remove(entry.message);
      this.#settle(entry, error);
    }
  }

  #answered(entry: Entry, error: Error | undefined, isAnswer: boolean): void {
    this.#sent.remove(entry.message);
    if (isAnswer) {
      this.#looks = 0;
      this.#silences = 0;
      this.#answeredAt = performance.now();
    }
    if (entry.state === "sent") this.#settle(entry, error);
    else this.#givenUp.remove(entry.message);
    this.#pump();
  }

  #pump(): void {
    if (this.#waiting.length === 0) return;
    let taken = 0;
    while (
      this.#open && taken < this.#waiting.length && !this.#sent.reaches(this.#options.inFlight)
    ) {
      const entry = this.#waiting[taken++];
      if (entry?.state !== "waiting") continue;
      this.#waitingLoad.remove(entry.message);
      this.#send(entry);
    }
    this.#waiting.splice(0, taken);
  }

  #settle(entry: Entry, error: unknown): void {
    if (entry.state === "waiting") this.#waitingLoad.remove(entry.message);
    entry.state = "settled";
    this.#entries.delete(entry);
    entry.unwatch?.();
    if (error === undefined) entry.resolve();
    else entry.reject(error);
    if (this.#entries.size > 0) return;
    this.#waiting = [];
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #sweep(): void {
    const now = performance.now();
    let isSilent = this.#options.silenceMs !== undefined && ++this.#looks > LOOKS;
    for (const entry of this.#entries) {
      if (entry.deadline > now) break;
      const isSent = entry.state === "sent";
      this.#giveUp(entry, tooLate(entry.message, isSent, now - entry.since));
      isSilent ||= isSent && entry.since > this.#answeredAt;
    }
    if (isSilent) this.#fallSilent(now);
    // Those given up would stay in memory until there is a channel to send them over.
    if (this.#waiting.length > this.#waitingLoad.messages) {
      this.#waiting = this.#waiting.filter(({ state }) => state === "waiting");
    }
    if (this.#givenUp.reaches(this.#options.inFlight)) this.#options.stalled();
  }

  /** Nobody waits for the bound when no message at all is answered. */
  #fallSilent(now: number): void {
    this.#looks = 0;
    this.#silentUntil = now + 1000 * (retryDelay(PROBE, this.#silences++, Math.random()) ?? 0);
    for (const entry of this.#entries) {
      this.#giveUp(entry, (entry.state === "sent" ? unanswered : unsent)(entry.message));
    }
    this.#waiting = [];
  }

  #giveUp(entry: Entry, reason: unknown): void {
    if (entry.state === "sent") this.#givenUp.add(entry.message);
    this.#settle(entry, reason);
  }

  #watch(entry: Entry, signal: AbortSignal): void {
    const abort = () => this.#giveUp(entry, signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    entry.unwatch = () => signal.removeEventListener("abort", abort);
  }
}

class Entry implements Pending {
  state: State = "waiting";
  deadline = Infinity;
  messageId: string | undefined = undefined;
  error: Error | undefined = undefined;
  unwatch: (() => void) | undefined = undefined;

  constructor(
    readonly message: Message,
    readonly mandatory: boolean,
    readonly replyTo: string | undefined,
    readonly since: number,
    readonly resolve: () => void,
    readonly reject: (reason: unknown) => void,
  ) {}
}
