/** Who runs beside whom: most attempts with any others, a waiter alone. */

/** A waiter that waits for all others to leave. */
interface ExclusiveWaiter {
  /** Whether it keeps others out meanwhile. */
  patient: boolean;
  answer(answer: "admitted" | "crowded" | "closed"): void;
}

/** Times its patience that a waiter waits on, the door open again. */
const OPEN_TIMES = 4;

/** A door. A waiter that waits keeps it shut, or it might wait for ever; but not for long, or others would wait for the longest of those
 * inside. */
export class IsolationGate {
  #present = 0;
  #alone = false;
  #closed = false;
  readonly #line: ((admitted: boolean) => void)[] = [];
  /** In the order they came. */
  readonly #waiters = new Set<ExclusiveWaiter>();

  /** Admits at once where that is possible, otherwise when it is one's turn. `false` = closed: nobody is admitted any more. */
  enter(): boolean | Promise<boolean> {
    if (this.#closed) return false;
    if (!this.#shut) {
      this.#present++;
      return true;
    }
    return new Promise((admit) => this.#line.push(admit));
  }

  /** Admits when nobody else is present. The first that waits keeps others out for so long; then it lets them pass four times as long,
   * and waits on.
   *
   * @returns `crowded` when all that was in vain, `closed` when nobody is admitted any more */
  async enterExclusive(patienceMs: number): Promise<"admitted" | "crowded" | "closed"> {
    if (this.#closed) return "closed";
    const { promise, resolve } = Promise.withResolvers<"admitted" | "crowded" | "closed">();
    const waiter: ExclusiveWaiter = { patient: true, answer: resolve };
    this.#waiters.add(waiter);
    this.#admit();
    const opening = setTimeout(() => {
      waiter.patient = false;
      this.#admit();
    }, patienceMs);
    const leaving = setTimeout(() => {
      this.#waiters.delete(waiter);
      waiter.answer("crowded");
      this.#admit();
    }, patienceMs * (1 + OPEN_TIMES));
    const answer = await promise;
    clearTimeout(opening);
    clearTimeout(leaving);
    return answer;
  }

  /** Leaves again, once for each time admitted. */
  leave(): void {
    this.#present--;
    // Those that a waiter has kept waiting come before the next waiter.
    if (this.#alone) {
      this.#alone = false;
      this.#open();
    }
    this.#admit();
  }

  /** Sends everybody who waits away. */
  close(): void {
    this.#closed = true;
    for (const admit of this.#line.splice(0)) admit(false);
    for (const { answer } of this.#waiters) answer("closed");
    this.#waiters.clear();
  }

  get #shut(): boolean {
    if (this.#alone) return true;
    for (const { patient } of this.#waiters) return patient;
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
