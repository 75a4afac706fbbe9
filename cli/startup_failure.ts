/** A role in a container that cannot start with its configuration: it reports the reason to probes for a while and exits, so that a restart
 * reads the corrected configuration. It waits for a missing secret file. */
import { getLogger } from "@logtape/logtape";
import { loadSetting } from "../shared/config/config.ts";
import { SecretMissing } from "../shared/errors.ts";
import { healthRoutes } from "../shared/telemetry/health.ts";
import { Metrics } from "../shared/telemetry/metrics.ts";
import { pause, waitAtMost } from "../shared/runtime/waits.ts";
import { explain } from "./exit.ts";
import { stopSignal } from "./signals.ts";

/** Setting of the port that probes use, by role. */
const PORTS: Readonly<Record<string, "port" | "healthPort">> = {
  api: "port",
  worker: "healthPort",
  beat: "healthPort",
};

/** Milliseconds between checks for a file. */
const LOOK_MS = 500;

/** Reports a startup failure for `CELERIAC_STARTUP_ERROR_SECONDS` seconds or until a signal; for a missing secret file, until the file exists.
 * Does nothing with 0 seconds: the log already has the reason.
 *
 * @param command the role
 * @returns whether the role may start now */
export async function reportStartupFailure(command: string, error: unknown): Promise<boolean> {
  try {
    const seconds = loadSetting("startupErrorSeconds", { flags: {} });
    if (seconds === 0) return false;
    const stopped = stopSignal();
    await using server = answering(command, error);
    if (!(error instanceof SecretMissing)) {
      if (server) await waitAtMost(seconds * 1000, stopped);
      return false;
    }
    return await appears(error.path, stopped);
  } catch (cause) {
    getLogger(["celeriac"]).debug("Cannot report the reason to probes: {cause}", { cause });
    return false;
  }
}

/** Answers `/readyz` with the reason, for a role that is probed and may listen. */
function answering(command: string, error: unknown): Deno.HttpServer | null {
  const key = PORTS[command];
  if (!key) return null;
  const hostname = loadSetting("host", { flags: {} });
  const port = loadSetting(key, { flags: {} });
  const net = { name: "net", host: `${hostname}:${port}` } as const;
  if (Deno.permissions.querySync(net).state !== "granted") return null;
  const { text: reason } = explain(error, command);
  const look = () => ({ ok: false, state: "wrong", reason });
  const ready = [{ name: "configuration", look }];
  const health = healthRoutes({ live: [], ready, metrics: new Metrics() });
  return Deno.serve({ hostname, port, onListen: () => {} }, health.fetch);
}

/** @returns whether the file appeared before the signal */
async function appears(path: string, stopped: Promise<void>): Promise<boolean> {
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  while (!stop.signal.aborted) {
    if (await Deno.stat(path).then(() => true, () => false)) return true;
    await pause(LOOK_MS, stop.signal);
  }
  return false;
}
