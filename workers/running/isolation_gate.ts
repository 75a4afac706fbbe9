/** Decides which attempts run at the same time: usually any, but a suspect runs alone. */

/** A suspect that waits until no other attempt runs. */
interface ExclusiveWaiter {
  /** Whether it blocks other attempts while it waits. */
  blocks: boolean;
  answer(answer: "admitted" | "crowded" | "closed"): void;
}

/** After its blocking time, a suspect waits this many times as long without blocking. */
const OPEN_TIMES = 4;

/** A gate that every attempt enters and leaves. A waiting suspect closes the gate, because it might wait forever otherwise. It does so for
 * a limited time, because the others would wait for the longest running attempt. */
export class IsolationGate {
  #present = 0;
  #alone = false;
  #closed = false;
  readonly #line: ((admitted: boolean) => void)[] = [];
  /** In order of arrival. */
  readonly #waiters = new Set<ExclusiveWaiter>();

  /** Enters, without a promise if the gate is open. `false`: the gate was closed for good. */
  enter(): boolean | Promise<boolean> {
    if (this.#closed) return false;
    if (!this.#shut) {
      this.#present++;
      return true;
    }
    return new Promise((admit) => this.#line.push(admit));
  }

  /** Enters once no other attempt runs. The first waiter blocks others for `blockMs`; after that it waits four times as long without
   * blocking.
   *
   * @returns `crowded` if that time was not enough, `closed` if the gate was closed for good */
  async enterExclusive(blockMs: number): Promise<"admitted" | "crowded" | "closed"> {
    if (this.#closed) return "closed";
    const { promise, resolve } = Promise.withResolvers<"admitted" | "crowded" | "closed">();
    const waiter: ExclusiveWaiter = { blocks: true, answer: resolve };
    this.#waiters.add(waiter);
    this.#admit();
    const opening = setTimeout(() => {
      waiter.blocks = false;
      this.#admit();
    }, blockMs);
    const leaving = setTimeout(() => {
      this.#waiters.delete(waiter);
      waiter.answer("crowded");
      this.#admit();
    }, blockMs * (1 + OPEN_TIMES));
    const answer = await promise;
    clearTimeout(opening);
    clearTimeout(leaving);
    return answer;
  }

  /** Leaves. Call it once for each entry. */
  leave(): void {
    this.#present--;
    // Attempts that a suspect blocked enter before the next suspect.
    if (this.#alone) {
      this.#alone = false;
      this.#open();
    }
    this.#admit();
  }

  /** Closes the gate for good and rejects all waiting attempts. */
  close(): void {
    this.#closed = true;
    for (const admit of this.#line.splice(0)) admit(false);
    for (const { answer } of this.#waiters) answer("closed");
    this.#waiters.clear();
  }

  get #shut(): boolean {
    if (this.#alone) return true;
    for (const { blocks } of this.#waiters) return blocks;
    return false;
  }

  #admit(): void {
    const [waiter] = this.#waiters;
    if (waiter && this.#present === 0) {
      this.#waiters.delete(waiter);
      this.#present++;
      this.#alone = true;
      waiter.answer("admitted");
    } else if (!this.#shut) this.#open();
  }

  #open(): void {
    for (const admit of this.#line.splice(0)) {
      this.#present++;
      admit(true);
    }
  }
}
