/** When an attempt may begin: most once they have a place, a suspect once it is alone. */
import type { TaskContract } from "../../shared/contracts/task.ts";
import type { CrashRisk } from "../running/crashes.ts";
import type { Runner } from "../running/runner.ts";

/** Milliseconds that a suspect keeps others out at first; twice as long each time that it was in vain, so that its time comes. */
const PATIENCE_MS = 15_000;

/** What an attempt was admitted to. */
export interface Admitted {
  /** Leaves it, once. */
  leave(): void;
}

/** Who waits to be admitted. */
export interface AdmissionRequest {
  /** Aborts when it has waited for too long. */
  readonly waitSignal: AbortSignal;
}

/** Admits attempts. */
export class Admission {
  readonly #runner: Pick<Runner, "gate" | "slots">;

  constructor(runner: Pick<Runner, "gate" | "slots">) {
    this.#runner = runner;
  }

  /** Admits at once where that is possible, otherwise when it is one's turn.
   *
   * @returns `undefined` when its waitSignal is over before it has a place, and when nothing starts any more */
  enter(
    contract: TaskContract,
    waiting: AdmissionRequest,
  ): Admitted | Promise<Admitted | undefined> | undefined {
    const { gate } = this.#runner;
    const slots = this.#runner.slots(contract);
    const admitted = {
      leave() {
        gate.leave();
        slots.release();
      },
    };
    const enter = () => {
      const entered = gate.enter();
      if (entered === true) return admitted;
      return Promise.resolve(entered).then((entered) => {
        if (entered) return admitted;
        slots.release();
      });
    };
    const place = slots.acquire(waiting);
    if (place === true) return enter();
    return Promise.resolve(place).then((place) => place ? enter() : undefined);
  }

  /** Admits a suspect. It needs no place: whoever has one, and runs, is waited for.
   *
   * @param again how it is suspected now, asked after each wait in vain; `undefined` = it is not to run here any more
   * @returns `undefined` then, and when nothing starts any more */
  async enterExclusive(
    contract: TaskContract,
    waiting: AdmissionRequest,
    again: () => Promise<CrashRisk | undefined>,
  ): Promise<Admitted | undefined> {
    const { gate } = this.#runner;
    for (let patienceMs = PATIENCE_MS;; patienceMs *= 2) {
      const entered = await gate.enterExclusive(patienceMs);
      if (entered === "admitted") return gate;
      if (entered === "closed") return undefined;
      const crashRisk = await again();
      if (crashRisk === "none") return await this.enter(contract, waiting);
      if (crashRisk !== "alone") return undefined;
    }
  }
}
