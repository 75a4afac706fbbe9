/** What a role does in a container when it cannot start as it is configured: it says why where probes look, and ends. Started again, it
 * finds what was mended. */
import { getLogger } from "@logtape/logtape";
import { loadSetting } from "../shared/config.ts";
import { healthRoutes } from "../shared/health.ts";
import { Metrics } from "../shared/metrics.ts";
import { within } from "../shared/waits.ts";
import { stopSignal } from "./signals.ts";

/** Where probes look at a role, as the environment says: it is other settings that may be wrong. */
const PORTS: Readonly<Record<string, "port" | "healthPort">> = {
  api: "port",
  worker: "healthPort",
  beat: "healthPort",
};

/** Answers `/readyz` with the reason for `CELERIAC_EXPLAIN` seconds, or until told to stop. Does nothing for a command that no probe looks
 * at, or where it may or can not listen: the reason is in the log already. */
export async function unready(command: string | undefined, reason: string): Promise<void> {
  const key = PORTS[command ?? ""];
  if (!key) return;
  try {
    await answer(key, reason);
  } catch (error) {
    getLogger(["celeriac"]).debug("Cannot tell probes why: {error}", { error });
  }
}

async function answer(key: "port" | "healthPort", reason: string): Promise<void> {
  const sources = { flags: {} };
  const seconds = loadSetting("explain", sources);
  const hostname = loadSetting("host", sources);
  const port = loadSetting(key, sources);
  const net = { name: "net", host: `${hostname}:${port}` } as const;
  if (seconds === 0 || Deno.permissions.querySync(net).state !== "granted") return;
  const look = () => ({ ok: false, state: "wrong", reason });
  const ready = [{ name: "configuration", look }];
  const health = healthRoutes({ live: [], ready, metrics: new Metrics() });
  await using _server = Deno.serve({ hostname, port, onListen: () => {} }, health.fetch);
  await within(seconds * 1000, stopSignal());
}
