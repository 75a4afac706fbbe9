/** Installs the programs that audit manifests and the HTTP API, once under `~/.cache/celeriac`. The folder name contains the release.
 * @module
 */
import { run } from "./process.ts";
import { toolFolder } from "./tool_folder.ts";

/** A package of the Go module proxy, of the Python package index, or of Debian. */
const programs = {
  "kube-score": { go: "github.com/zegl/kube-score/cmd/kube-score", version: "v1.20.0" },
  "compose-go": { go: "github.com/compose-spec/compose-go/v2/cmd", version: "v2.16.2" },
  "checkov": { python: "checkov", version: "3.3.30" },
  "openapi-python-client": { python: "openapi-python-client", version: "0.29.1" },
  // Not from the Go module proxy: `go install` refuses modules with exclusions, and it takes minutes to compile.
  "promtool": { debian: "prometheus", file: "usr/bin/promtool", version: "2.42" },
  "schemathesis": { python: "schemathesis", version: "4.32.5" },
} as const;

/** Name of a program. */
export type AuditTool = keyof typeof programs;

const folder = toolFolder();
const installTimeoutMs = 15 * 60_000;

/** Finds or installs a program and returns its path. Installing takes one or two minutes and a network.
 *
 * @throws if Go or Python is missing, or if the download fails */
export async function auditTool(name: AuditTool): Promise<string> {
  const program = programs[name];
  const directory = `${folder}${name}-${program.version}`;
  const path = `${directory}/${fileOf(name)}`;
  const done = `${directory}/made`;
  await Deno.mkdir(folder, { recursive: true });
  using lock = await Deno.open(`${directory}.lock`, { create: true, write: true });
  await lock.lock(true); // another test file may be installing it
  if (await Deno.stat(done).then(() => true, () => false)) return path;
  await Deno.remove(directory, { recursive: true }).catch(() => {});
  const options = { timeoutMs: installTimeoutMs, ownGroup: true };
  if ("go" in program) {
    await need("go", ["version"], name, "https://go.dev/dl");
    const env = { GOBIN: directory };
    await run("go", ["install", `${program.go}@${program.version}`], { ...options, env });
  } else if ("debian" in program) {
    // Unpacked, not installed: the package would start a server.
    const wanted = `${program.debian}=${program.version}*`;
    await need("apt-get", ["--version"], name, "use Debian");
    await Deno.mkdir(directory, { recursive: true });
    await run("sh", [
      "-c",
      'cd "$0" && apt-get download "$1" && dpkg -x ./*.deb .',
      directory,
      wanted,
    ], options);
  } else {
    await need("python3", ["--version"], name, "apt-get install python3 python3-venv");
    await run("python3", ["-m", "venv", directory], options);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    const wanted = `${program.python}==${program.version}`;
    await run(`${directory}/bin/python`, [...pip, wanted], options);
  }
  await Deno.writeTextFile(done, "");
  return path;
}

/** The program's file, relative to its directory. */
function fileOf(name: AuditTool): string {
  const program = programs[name];
  if ("go" in program) return program.go.split("/").at(-1)!;
  return "file" in program ? program.file : `bin/${name}`;
}

async function need(command: string, args: string[], tool: AuditTool, remedy: string) {
  const found = await run(command, args).then(() => true, () => false);
  if (!found) {
    throw new Error(
      `Cannot install ${tool} because ${command} is missing: install it (${remedy})`,
    );
  }
}
