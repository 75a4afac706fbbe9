/** kube-score, a Go program, over rendered manifests.
 * @module
 */
import { auditTool } from "../support/audit_tools.ts";
import { Process } from "../support/process.ts";
import type { Finding } from "./exceptions.ts";

/** A grade of 10 is "all well"; 7 is a remark, 5 a warning, 1 critical. All below 10 are findings here. */
const WELL = 10;

interface Scored {
  readonly type_meta: { kind: string };
  readonly object_meta: { name: string };
  readonly checks: readonly {
    check: { id: string };
    grade: number;
    skipped: boolean;
  }[];
}

/** What kube-score says of a file.
 *
 * @returns its findings, and how many checks it made
 * @throws when it does not run, or finds no object */
export async function kubeScore(file: string): Promise<{ findings: Finding[]; made: number }> {
  const program = await auditTool("kube-score");
  const args = ["score", "--output-format=json", "--ignore-container-cpu-limit", file];
  await using tool = Process.start(program, args);
  await tool.exit({ timeoutMs: 120_000 }); // fails where there is a finding
  const objects: readonly Scored[] = JSON.parse(tool.stdout);
  const checks = objects.flatMap(({ type_meta, object_meta, checks }) =>
    checks.filter(({ skipped }) => !skipped).map(({ check, grade }) => ({
      check: check.id,
      object: `${type_meta.kind}/${object_meta.name}`,
      grade,
    }))
  );
  if (checks.length === 0) throw new Error(`kube-score checked nothing:\n${tool.stdout}`);
  return { findings: checks.filter(({ grade }) => grade < WELL), made: checks.length };
}
