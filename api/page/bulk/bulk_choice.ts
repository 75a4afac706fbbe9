/** The actions of the page on many tasks. */
import { z } from "zod";
import type { Scope } from "../../access/scopes.ts";
import type { BulkAction } from "../../bulk/bulk_job.ts";
import type { View } from "../view/view.ts";

/** Names of the actions. */
export const BULK_CHOICES = ["cancel", "terminate", "retry", "rerun"] as const;

/** An action of the page. `terminate` is a revoke that also terminates running tasks. */
export type BulkChoice = typeof BULK_CHOICES[number];

/** The schema of an action. */
export const BulkChoiceField = z.enum(BULK_CHOICES);

/** Action -> what the job does, and the scopes that it needs besides `tasks:read`. */
const CHOICES: Readonly<
  Record<BulkChoice, { readonly action: BulkAction; readonly scopes: readonly Scope[] }>
> = {
  cancel: { action: "revoke", scopes: ["tasks:cancel"] },
  terminate: { action: "revoke", scopes: ["tasks:cancel"] },
  retry: { action: "retry", scopes: ["tasks:retry"] },
  rerun: { action: "rerun", scopes: ["tasks:submit", "tasks:read-data"] },
};

/** What the job of an action does. */
export function actionOf(choice: BulkChoice): BulkAction {
  return CHOICES[choice].action;
}

/** The action of a job. */
export function choiceOf(action: BulkAction, terminate: boolean): BulkChoice {
  return action === "revoke" ? (terminate ? "terminate" : "cancel") : action;
}

/** The actions that the reader may choose. */
export function choicesOf(view: View): BulkChoice[] {
  return BULK_CHOICES.filter((choice) => CHOICES[choice].scopes.every((scope) => view.can(scope)));
}
