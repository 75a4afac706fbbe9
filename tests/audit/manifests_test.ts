/** Runs third-party checks on every overlay: every finding must be in the table of exceptions. */
import { assert, assertEquals } from "@std/assert";
import { OVERLAYS } from "../support/manifests.ts";
import { checkout } from "../support/roles.ts";
import { checkov } from "./checkov.ts";
import { exceptionFor, EXCEPTIONS, type Finding } from "./exceptions.ts";
import { kubeScore } from "./kube_score.ts";

const TOOLS = [
  { name: "kube-score", audit: kubeScore, knows: (check: string) => !check.startsWith("CKV_") },
  { name: "checkov", audit: checkov, knows: (check: string) => check.startsWith("CKV_") },
];

for (const { name, audit, knows } of TOOLS) {
  Deno.test(`${name} finds exactly the findings in the table of exceptions`, async () => {
    const accepted: Finding[] = [];
    for (const overlay of OVERLAYS) {
      const { findings, made } = await audit(`${checkout}infra/manifests/${overlay}.yaml`);
      console.log(`${name}, ${overlay}: ${made} checks, ${findings.length} excused`);
      assert(made > 100, `${made} checks`);
      assertEquals(findings.filter((one) => !exceptionFor(one)), [], overlay);
      accepted.push(...findings);
    }
    const idle = EXCEPTIONS.flatMap((exception) =>
      exception.checks.filter(knows).filter((check) =>
        !accepted.some((one) => one.check === check && exceptionFor(one) === exception)
      )
    );
    assertEquals(idle, [], "exceptions that nothing needs");
  });

  Deno.test(`${name} finds the mistakes in a bad manifest`, async () => {
    const { findings } = await audit(`${checkout}tests/audit/bad.yaml`);
    assert(findings.some((one) => !exceptionFor(one)));
  });
}
