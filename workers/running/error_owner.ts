/** Assigns uncaught errors to the run whose code caused them: a rejected promise that nobody awaits, or a throw in a timer or a listener.
 *
 * The async context identifies the owner. Deno has left that context when it reports an error from a timer, so this module wraps the
 * callbacks of timers.
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "node:timers";

/** Receives the uncaught errors of its code. */
export interface ErrorOwner {
  /** Must not throw.
   *
   * @param late whether its run has ended */
  uncaught(error: unknown, late?: boolean): void;
  /** Called when its code ends the process. Must not throw. */
  exited?(): void;
}

const owners = new AsyncLocalStorage<ErrorOwner | undefined>();

/** Runs code of an owner. Work that the code starts without awaiting it belongs to the owner too. */
export function owned<Result>(owner: ErrorOwner, work: () => Result): Result {
  return owners.run(owner, work);
}

/** Runs code that an owner's code calls, but that has no owner. */
export function disowned<Result>(work: () => Result): Result {
  return owners.run(undefined, work);
}

/** Catches the uncaught errors of this process until disposed.
 *
 * @param orphan receives errors without an owner; if it returns `false`, the error ends the process as usual */
export function catchUncaught(orphan: (error: unknown) => boolean): Disposable {
  catchInTimers();
  const take = (event: Event, error: unknown) => {
    if (event.defaultPrevented) return;
    const owner = owners.getStore();
    if (owner) owner.uncaught(error);
    else if (!orphan(error)) return;
    event.preventDefault();
  };
  // An error event of a worker thread, or of a thrown `null`, has only a message.
  const onError = (event: ErrorEvent) => take(event, event.error ?? event.message);
  const onRejection = (event: PromiseRejectionEvent) => take(event, event.reason);
  // Deno.exit() and process.exit() dispatch this event in the context of their caller.
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

/** Wraps the callbacks that owned code passes to timers, both of `globalThis` and `node:timers`: their objects have the same two classes,
 * which store the callback in one property. Done once in a process. */
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
