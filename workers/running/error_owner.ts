/** Errors that no code catches, given to whoever owns the code: a rejected promise that nobody awaits, a throw in a timer or in a listener.
 *
 * The async context says whose code it is. Deno has left it when it reports an error from a timer, so callbacks of timers are caught here.
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "node:timers";

/** Takes the errors that its code leaves uncaught. */
export interface ErrorOwner {
  /** Must not throw.
   *
   * @param late its run is known to be over */
  uncaught(error: unknown, late?: boolean): void;
  /** Its code ends the process now. Must not throw. */
  exited?(): void;
}

const owners = new AsyncLocalStorage<ErrorOwner | undefined>();

/** Runs code of an owner: also what it starts and does not wait for is the owner's. */
export function owned<Result>(owner: ErrorOwner, work: () => Result): Result {
  return owners.run(owner, work);
}

/** Runs code that an owner's code calls and that is not the owner's. */
export function disowned<Result>(work: () => Result): Result {
  return owners.run(undefined, work);
}

/** Catches the uncaught errors of this process, until disposed.
 *
 * @param orphan takes an error that has no owner; `false` = it is not taken either, and ends the process as it does without this */
export function catchUncaught(orphan: (error: unknown) => boolean): Disposable {
  catchInTimers();
  const take = (event: Event, error: unknown) => {
    if (event.defaultPrevented) return;
    const owner = owners.getStore();
    if (owner) owner.uncaught(error);
    else if (!orphan(error)) return;
    event.preventDefault();
  };
  // An event of a thread, or of a thrown `null`, has only a message.
  const onError = (event: ErrorEvent) => take(event, event.error ?? event.message);
  const onRejection = (event: PromiseRejectionEvent) => take(event, event.reason);
  // Deno.exit() and process.exit() dispatch it where they are called.
  const onUnload = () => owners.getStore()?.exited?.();
  globalThis.addEventListener("error", onError);
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("unload", onUnload);
  return {
    [Symbol.dispose]() {
      globalThis.removeEventListener("error", onError);
      globalThis.removeEventListener("unhandledrejection", onRejection);
      globalThis.removeEventListener("unload", onUnload);
    },
  };
}

const CAUGHT = Symbol("celeriac.caught");

/** Wraps the callbacks that owned code gives to timers, of `globalThis` as of `node:timers`: both make objects of the same two classes,
 * which keep their callback in one property. Once is enough for the process. */
function catchInTimers(): void {
  const timeout = setTimeout(() => {});
  clearTimeout(timeout);
  const immediate = setImmediate(() => {});
  clearImmediate(immediate);
  catchIn(Object.getPrototypeOf(timeout), "_onTimeout");
  catchIn(Object.getPrototypeOf(immediate), "_onImmediate");
}

function catchIn(timers: object, property: string): void {
  if (Object.hasOwn(timers, property)) return;
  Object.defineProperty(timers, property, {
    configurable: true,
    get(this: { [CAUGHT]?: unknown }) {
      return this[CAUGHT];
    },
    set(this: { [CAUGHT]?: unknown }, callback: unknown) {
      const owner = owners.getStore();
      this[CAUGHT] = owner && typeof callback === "function"
        ? caught(callback as Callback, owner)
        : callback;
    },
  });
}

type Callback = (this: unknown, ...given: unknown[]) => unknown;

function caught(callback: Callback, owner: ErrorOwner): Callback {
  return function (...given) {
    try {
      return callback.apply(this, given);
    } catch (error) {
      owner.uncaught(error);
    }
  };
}
