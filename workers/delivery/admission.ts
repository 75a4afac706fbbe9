/** Decides when an attempt may start: usually once a slot is free; a suspect once nothing else runs. */
import type { TaskContract } from "../../shared/contracts/task.ts";
import type { CrashRisk } from "../running/crashes.ts";
import type { Runner } from "../running/runner.ts";
import type { Waiting } from "../running/semaphore.ts";

/** Milliseconds for which a waiting suspect first blocks other attempts. The time doubles with each failed try, so that it runs eventually. */
const BLOCK_MS = 15_000;

/** An admitted attempt. */
export interface Admitted {
  /** Frees its slot. Call it once. */
  leave(): void;
}

/** Admits attempts in the order of their requests. */
export class Admission {
  readonly #runner: Pick<Runner, "gate" | "slots">;

  constructor(runner: Pick<Runner, "gate" | "slots">) {
    this.#runner = runner;
  }

  /** Admits an attempt, without a promise if a slot is free.
   *
   * @returns `undefined` if it has waited too long before a slot is free, or the runner is closed */
  enter(
    contract: TaskContract,
    waiting: Waiting,
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

  /** Admits a suspect once no other attempt runs. It needs no slot.
   *
   * @param reassess called after each failed try; `undefined` means that the attempt must not run here any more
   * @returns `undefined` in that case, and if the runner is closed */
  async enterExclusive(
    contract: TaskContract,
    waiting: Waiting,
    reassess: () => Promise<CrashRisk | undefined>,
  ): Promise<Admitted | undefined> {
    const { gate } = this.#runner;
    for (let blockMs = BLOCK_MS;; blockMs *= 2) {
      const entered = await gate.enterExclusive(blockMs);
      if (entered === "admitted") return gate;
      if (entered === "closed") return undefined;
      const risk = await reassess();
      if (risk === "none") return await this.enter(contract, waiting);
      if (risk !== "isolate") return undefined;
    }
  }
}
