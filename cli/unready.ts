/** What a role does in a container when it cannot start as it is configured: it says why where probes look, and ends. Started again, it
 * finds what was mended. */
import { loadSetting } from "../shared/config.ts";
import { healthRoutes } from "../shared/health.ts";
import { Metrics } from "../shared/metrics.ts";
import { within } from "../shared/waits.ts";
import { stopSignal } from "./signals.ts";

/** Roles that probes look at. */
export const SERVING = ["api", "worker", "beat"] as const;

/** Answers `/readyz` with the reason for `CELERIAC_EXPLAIN` seconds, or until told to stop; where it may not listen, not at all.
 *
 * Its settings come from the environment alone: it is the others that may be wrong. */
export async function unready(role: typeof SERVING[number], reason: string): Promise<void> {
  const sources = { flags: {} };
  const seconds = loadSetting("explain", sources);
  const hostname = loadSetting("host", sources);
  const port = loadSetting(role === "api" ? "port" : "healthPort", sources);
  const net = { name: "net", host: `${hostname}:${port}` } as const;
  if (seconds === 0 || Deno.permissions.querySync(net).state !== "granted") return;
  const look = () => ({ ok: false, state: "wrong", reason });
  const ready = [{ name: "configuration", look }];
  const health = healthRoutes({ live: [], ready, metrics: new Metrics() });
  await using _server = Deno.serve({ hostname, port, onListen: () => {} }, health.fetch);
  await within(seconds * 1000, stopSignal(() => {}));
}
