import { assert, assertEquals } from "@std/assert";
import { pythonRepr } from "../../../../shared/celery/exception.ts";
import type { TaskMessage } from "../../../../shared/celery/task_message.ts";
import { Retry } from "../../../../shared/errors.ts";
import { defineTask, z } from "../../../../shared/mod.ts";
import type { Failure } from "../../../../workers/delivery/outcome.ts";
import { outcomeOf } from "../../../../workers/delivery/outcomes.ts";
import { abortReason } from "../../../../workers/running/abort_reason.ts";
import { recordError, reviveError } from "../../../../workers/sandbox/error_record.ts";
import { violationOf } from "../../../../workers/running/permission_denial.ts";
import { UNREADABLE } from "../../../app/unreadable.ts";

Deno.test("outcomeOf() uses Celery's exception if Retry has no attempts left and no cause", () => {
  const out = {
    id: "i",
    task: "once",
    retries: 99,
    replacedTaskNesting: 0,
    argsRepr: "(1,)",
    kwargsRepr: "{}",
  } as TaskMessage;
  const shown = (thrown: unknown) => {
    const outcome = outcomeOf(thrown, out, once);
    return outcome.kind === "failure" ? pythonRepr(outcome.error.exception) : outcome.kind;
  };
  const exhausted = `MaxRetriesExceededError("Can't retry once[i] args:(1,) kwargs:{}")`;
  assertEquals(shown(new Retry()), exhausted);
  assertEquals(shown(new Retry("later", { cause: new Retry() })), exhausted);
  assertEquals(shown(new Retry("later", { cause: new RangeError("r") })), "ValueError('r')");
  const { exception } =
    (outcomeOf(new Retry(), { ...out, retries: 0 }, once) as { error: Failure }).error;
  assertEquals(exception.exc_type, "Retry");
});

Deno.test("a child reports the arguments of an error", () => {
  const error = Object.assign(new TypeError("t"), { args: ["a", { b: 1 }] });
  const crossed = reviveError(JSON.parse(JSON.stringify(recordError(error))));
  const outcome = outcomeOf(crossed, task, once) as { error: Failure };
  assertEquals(outcome.error.exception.exc_message, ["a", { b: 1 }]);
});

const once = defineTask({ name: "once", input: z.object({}) });
const picky = defineTask({ name: "picky", input: z.object({}), retry: { only: [TypeError] } });
const task = { task: "once", retries: 0, replacedTaskNesting: 0 } as TaskMessage;

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
