/** Installs missing servers if possible, else reports them.
 * @module
 */
import { Process } from "./process.ts";
import { NoServer } from "./server.ts";

/** A server is missing and cannot be installed. */
export class ServersMissing extends NoServer {
  constructor(missing: readonly string[]) {
    super(`Cannot run because this machine has no ${missing.join(" and no ")}. Install it:

  macOS    brew install rabbitmq postgresql
  Debian   sudo apt-get install --no-install-recommends rabbitmq-server postgresql

or start them with Docker and name them:

  docker run -d -p 5672:5672 -p 15672:15672 rabbitmq:4-management
  docker run -d -p 5432:5432 -e POSTGRES_PASSWORD=postgres postgres:17
  export AMQP_URL=amqp://guest:guest@127.0.0.1:5672
  export MANAGEMENT_URL=http://guest:guest@127.0.0.1:15672
  export DATABASE_URL=postgres://postgres:postgres@127.0.0.1:5432/postgres
`);
  }
}

/** Whether {@linkcode installPackages} can work: as root on Debian. */
export async function canInstall(): Promise<boolean> {
  if (Deno.uid() !== 0) return false;
  return await exists("/usr/bin/apt-get") && await exists("/etc/debian_version");
}

/** Installs Debian packages without letting them start services.
 *
 * @throws if apt-get fails; the message contains its output */
export async function installPackages(
  packages: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await using _ = await forbidServices();
  const install = ["install", "--yes", "--quiet", "--no-install-recommends", ...packages];
  for (const args of [["update", "--quiet"], install]) {
    await using apt = Process.start("apt-get", args, {
      env: { DEBIAN_FRONTEND: "noninteractive" },
      ownGroup: true,
    });
    const abort = () => apt.killGroup("SIGTERM");
    signal.addEventListener("abort", abort, { once: true });
    const status = await apt.exit({ timeoutMs: 600_000 });
    signal.removeEventListener("abort", abort);
    signal.throwIfAborted();
    if (!status.success) {
      throw new Error(
        `Cannot install ${packages.join(", ")} because apt-get failed:\n${apt.output}`,
      );
    }
  }
}

/** invoke-rc.d asks this file before a package starts its service; 101 forbids it. */
async function forbidServices(): Promise<AsyncDisposable> {
  const policy = "/usr/sbin/policy-rc.d";
  if (await exists(policy)) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  await Deno.writeTextFile(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  return { [Symbol.asyncDispose]: () => Deno.remove(policy) };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
