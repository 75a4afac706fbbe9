import { assertEquals } from "@std/assert";
import type { CommandArguments } from "../../../../workers/control/command_arguments.ts";
import type { ControlContext } from "../../../../workers/control/control_context.ts";
import { INSPECT_COMMANDS } from "../../../../workers/control/inspect_commands.ts";

Deno.test("inspect paused shows the pauses that the worker obeys", () => {
  const pausedAt = new Date("2030-01-02T03:04:05Z");
  const all = [{ scope: "task", name: "add", reason: "full", pausedAt }] as const;
  const context = { pauses: { all } } as unknown as ControlContext;
  assertEquals(INSPECT_COMMANDS.get("paused")?.({} as CommandArguments, context), [{
    scope: "task",
    name: "add",
    reason: "full",
    paused_at: "2030-01-02T03:04:05.000Z",
  }]);
});
