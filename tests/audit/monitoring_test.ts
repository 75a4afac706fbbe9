/** Checks the alert rules and the expressions of the dashboard with promtool. */
import { assert, assertStringIncludes } from "@std/assert";
import { stringify } from "yaml";
import { auditTool } from "../support/audit_tools.ts";
import { alertRules, dashboardExpressions, RULES } from "../support/monitoring.ts";
import { Process } from "../support/process.ts";
import { checkout } from "../support/roles.ts";

/** Runs promtool on a text that is written to a file. */
async function promtool(command: "check" | "test", text: string) {
  const program = await auditTool("promtool");
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, text);
    await using tool = Process.start(program, [command, "rules", file]);
    const { success } = await tool.exit();
    return { success, output: tool.output };
  } finally {
    await Deno.remove(file);
  }
}

/** Rules with these expressions. */
function recording(expressions: readonly string[]): string {
  const rules = expressions.map((expr, index) => ({ record: `panel:${index}`, expr }));
  return stringify({ groups: [{ name: "dashboard", rules }] });
}

Deno.test("promtool accepts the alert rules", async () => {
  const { success, output } = await promtool("check", await Deno.readTextFile(RULES));
  assert(success, output);
  assertStringIncludes(output, `${(await alertRules()).length} rules found`);
});

Deno.test("the alerts fire and stay silent as the tests of the rules say", async () => {
  const tests = await Deno.readTextFile(`${checkout}tests/audit/prometheus_rules.yaml`);
  const { success, output } = await promtool("test", tests.replace("- RULES", `- ${RULES}`));
  assert(success, output);
});

Deno.test("promtool accepts the expressions of the dashboard, and rejects a wrong one", async () => {
  const expressions = await dashboardExpressions();
  const { success, output } = await promtool("check", recording(expressions));
  assert(success, output);
  assert(!(await promtool("check", recording([...expressions, "rate(up)"]))).success);
});
