/** The settings of the HTTP app from the configuration. */
import type { Config } from "../shared/config/settings.ts";
import { VERSION } from "../shared/version.ts";
import type { ApiSettings } from "./dependencies.ts";

/** Maximum lines of a batch. */
const BATCH_LIMIT = 10_000;

/** Reads the settings.
 *
 * @param options.onlyKnownHosts whether requests for other hosts are rejected although the configuration names none */
export function apiSettings(
  config: Config,
  { onlyKnownHosts }: { readonly onlyKnownHosts: boolean },
): ApiSettings {
  return {
    foreignQueues: config.foreignQueues,
    hosts: config.allowedHosts,
    origins: config.allowedOrigins,
    onlyHosts: !config.allowedHosts.includes("*") &&
      (config.allowedHosts.length > 0 || onlyKnownHosts),
    resultCache: config.resultCache,
    maxWait: config.maxWait,
    batchLimit: BATCH_LIMIT,
    eventsOpen: config.eventsOpen,
    version: VERSION,
    page: {
      timeZone: config.uiTimeZone,
      readOnly: config.uiReadOnly,
      ...(config.uiBasePath !== undefined && { basePath: config.uiBasePath }),
      ...(config.uiLogUrl !== undefined && { logUrl: config.uiLogUrl }),
      ...(config.uiTraceUrl !== undefined && { traceUrl: config.uiTraceUrl }),
      ...(config.uiEnvironment !== undefined && { environment: config.uiEnvironment }),
    },
    ...(config.apiToken ? { token: config.apiToken } : {}),
  };
}
