/** What a role does in a container when it cannot start as it is configured: it says why where probes look, and ends; started again, it
 * finds what was mended. For a secret's file that is not there yet it waits. */
import { getLogger } from "@logtape/logtape";
import { loadSetting } from "../shared/config/config.ts";
import { SecretMissing } from "../shared/errors.ts";
import { healthRoutes } from "../shared/telemetry/health.ts";
import { Metrics } from "../shared/telemetry/metrics.ts";
import { pause, waitAtMost } from "../shared/runtime/waits.ts";
import { explain } from "./exit.ts";
import { stopSignal } from "./signals.ts";

/** Where probes look at a role, as the environment says: it is other settings that may be wrong. */
const PORTS: Readonly<Record<string, "port" | "healthPort">> = {
  api: "port",
  worker: "healthPort",
  beat: "healthPort",
};

/** Milliseconds between two looks for a file. */
const LOOK_MS = 500;

/** Explains for `CELERIAC_STARTUP_ERROR_SECONDS` seconds, or until told to stop; where a secret's file is missing, until it is there. Does nothing where
 * nothing is to be explained: the reason is in the log already.
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

/** Answers `/readyz` with the reason, for a role that probes look at and where it may listen. */
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

/** @returns whether the file came before the signal */
async function appears(path: string, stopped: Promise<void>): Promise<boolean> {
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  while (!stop.signal.aborted) {
    if (await Deno.stat(path).then(() => true, () => false)) return true;
    await pause(LOOK_MS, stop.signal);
  }
  return false;
}
