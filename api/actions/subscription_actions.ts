/** Changes of one subscription on behalf of a request. */
import type { Context } from "hono";
import type {
  StoredSubscription,
  SubscriptionStore,
} from "../../shared/events/subscription_store.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { Caller } from "../access/caller.ts";
import { callerOf } from "../access/request_caller.ts";
import { isLabel } from "../http/label.ts";
import { Problem } from "../http/problem.ts";

/** Dependencies of {@linkcode SubscriptionActions}. */
export interface SubscriptionParts {
  readonly store: Pick<SubscriptionStore, "find" | "pause" | "resume" | "remove">;
  readonly trail: AuditTrail;
}

/** The task of a subscription, for the patterns of a caller. */
export function taskOf({ deliver: { task, queue } }: Pick<StoredSubscription, "deliver">) {
  return { name: task, queue };
}

/** Whether a caller's patterns match the task of a subscription. */
export function sees(caller: Caller, subscription: StoredSubscription): boolean {
  return caller.seesEverything || caller.sees(taskOf(subscription));
}

/** Finds, pauses, resumes and removes subscriptions. One whose task the caller's patterns do not match does not exist for it. */
export class SubscriptionActions {
  readonly #parts: SubscriptionParts;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
  }

  /** @throws {Problem} `no-subscription` */
  async find(c: Context, name: string): Promise<StoredSubscription> {
    const subscription = isLabel(name) ? await this.#parts.store.find(name) : undefined;
    if (!subscription || !sees(callerOf(c), subscription)) throw noSubscription(name);
    return subscription;
  }

  /** Runs a change of a subscription, with its audit entry.
   *
   * @throws {Problem} `no-subscription` */
  async change(
    c: Context,
    given: string,
    run: (name: string) => Promise<StoredSubscription | undefined>,
  ): Promise<StoredSubscription> {
    const { name } = await this.find(c, given);
    await this.#parts.trail.begin(c, { target: name });
    const subscription = await run(name);
    if (!subscription) throw noSubscription(name);
    return subscription;
  }

  /** @throws {Problem} `no-subscription` */
  pause(c: Context, name: string): Promise<StoredSubscription> {
    return this.change(c, name, (found) => this.#parts.store.pause(found));
  }

  /** @throws {Problem} `no-subscription` */
  resume(c: Context, name: string): Promise<StoredSubscription> {
    return this.change(c, name, (found) => this.#parts.store.resume(found));
  }

  /** @throws {Problem} `no-subscription`, or `subscription-in-code` */
  async remove(c: Context, given: string): Promise<void> {
    const { name, source } = await this.find(c, given);
    if (source === "code") throw inCode("remove", name, "remove it there and prune, or pause it");
    await this.#parts.trail.begin(c, { target: name });
    if (!await this.#parts.store.remove(name)) throw noSubscription(name);
  }
}

/** The problem for an unknown name. */
export function noSubscription(name: string): Problem {
  return new Problem(
    "no-subscription",
    `Cannot find subscription '${name.slice(0, 200)}': GET /v1/subscriptions lists them`,
  );
}

/** The problem for a change of a subscription that the app defines. */
export function inCode(verb: string, name: string, remedy: string): Problem {
  return new Problem(
    "subscription-in-code",
    `Cannot ${verb} subscription '${name}' because the app's contracts module defines it: ${remedy}`,
  );
}
