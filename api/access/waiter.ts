/** Whose share of the waiting places a request uses. */
import type { Context } from "hono";
import { addressOf } from "./audit_trail.ts";
import { callerOf, isShared } from "./request_caller.ts";

/** The caller; with the operator's token and in an open API, the address that it calls from. */
export function waiterOf(c: Context): string {
  const caller = callerOf(c);
  return isShared(caller) ? `${caller.id} ${addressOf(c) ?? ""}` : caller.id;
}
