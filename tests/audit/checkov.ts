/** Runs checkov, a Python program, on rendered manifests.
 * @module
 */
import { auditTool } from "../support/audit_tools.ts";
import { Process } from "../support/process.ts";
import type { Finding } from "./exceptions.ts";

interface Report {
  readonly results: {
    readonly failed_checks: readonly { check_id: string; resource: string }[];
  };
  readonly summary: { passed: number; failed: number; parsing_errors: number };
}

/** Runs checkov on a file.
 *
 * @returns its findings and number of checks
 * @throws if it does not run or cannot read the file */
export async function checkov(file: string): Promise<{ findings: Finding[]; made: number }> {
  const program = await auditTool("checkov");
  const args = ["--framework=kubernetes", "--output=json", "--compact", "--quiet"];
  // without a network: it would download third-party policies
  await using tool = Process.start(program, [...args, "--skip-download", "--file", file], {
    env: { LOG_LEVEL: "ERROR" },
  });
  await tool.exit({ timeoutMs: 180_000 }); // exits with an error if there is a finding
  const report: Report = JSON.parse(tool.stdout);
  const { passed, failed, parsing_errors: unread } = report.summary;
  if (unread > 0 || passed === 0) throw new Error(`checkov cannot read ${file}:\n${tool.stdout}`);
  const findings = report.results.failed_checks.map(({ check_id, resource }) => {
    const [kind, , ...name] = resource.split("."); // Kind.namespace.name
    return { check: check_id, object: `${kind}/${name.join(".")}` };
  });
  return { findings, made: passed + failed };
}
