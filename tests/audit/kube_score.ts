/** Runs kube-score, a Go program, on rendered manifests.
 * @module
 */
import { auditTool } from "../support/audit_tools.ts";
import { Process } from "../support/process.ts";
import type { Finding } from "./exceptions.ts";

/** Grade 10 is "OK", 7 a remark, 5 a warning, 1 critical. Every grade below 10 is a finding here. */
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

/** Runs kube-score on a file.
 *
 * @returns its findings and number of checks
 * @throws if it does not run or finds no object */
export async function kubeScore(file: string): Promise<{ findings: Finding[]; made: number }> {
  const program = await auditTool("kube-score");
  const args = ["score", "--output-format=json", "--ignore-container-cpu-limit", file];
  await using tool = Process.start(program, args);
  await tool.exit({ timeoutMs: 120_000 }); // exits with an error if there is a finding
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
