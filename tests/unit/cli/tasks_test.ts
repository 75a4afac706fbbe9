import { assertEquals } from "@std/assert";
import { egressPolicy } from "../../../cli/manifest.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import * as hostile from "../../app/hostile_contracts.ts";
import { run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

Deno.test("tasks egress prints a NetworkPolicy for the destinations of an app's tasks", async () => {
  const contracts = `--contracts=${checkout}tests/app/hostile_contracts.ts`;
  const text = await run(Deno.execPath(), [
    ...["run", "-A", `${checkout}cli.ts`, "tasks", "egress", contracts],
  ]);
  const policy = JSON.parse(text);
  assertEquals(policy, egressPolicy(Registry.fromModule(hostile, "the test")));
  assertEquals(policy.spec.egress, [{ to: [{ ipBlock: { cidr: "127.0.0.1/32" } }] }]);
});
