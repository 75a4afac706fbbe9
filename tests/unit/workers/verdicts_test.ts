import { assert, assertEquals } from "@std/assert";
import { pythonRepr } from "../../../shared/celery/exception.ts";
import type { TaskMessage } from "../../../shared/celery/message.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { outcomeOf } from "../../../workers/verdicts.ts";
import { abortReason } from "../../../workers/abort_reason.ts";
import { recordError, reviveError } from "../../../workers/sandbox/error_record.ts";
import { violationOf } from "../../../workers/denial.ts";
import { UNREADABLE } from "../../app/unreadable.ts";

const once = defineTask({ name: "once", input: z.object({}) });
const picky = defineTask({ name: "picky", input: z.object({}), retry: { only: [TypeError] } });
const task = { task: "once", retries: 0 } as TaskMessage;

for (const [what, make] of Object.entries(UNREADABLE)) {
  Deno.test(`outcomeOf() is a failure when a handler throws ${what}`, () => {
    for (const contract of [once, picky]) {
      const outcome = outcomeOf(make(), task, contract);
      const error = outcome.kind === "failure" || outcome.kind === "retry" ? outcome.error : null;
      assert(pythonRepr(error!.exception).length > 2 && JSON.stringify(outcome).length > 2);
    }
  });

  Deno.test(`a child passes on ${what} that its handler throws`, () => {
    const aborted = AbortSignal.abort();
    const thrown = abortReason(make(), aborted);
    assertEquals(violationOf(thrown, once), undefined);
    const crossed = reviveError(JSON.parse(JSON.stringify(recordError(thrown))));
    assert("error" in outcomeOf(crossed, task, once));
  });
}
