/** Settings of the web page. */

/** Settings of the web page, all optional. */
export interface PageSettings {
  /** Path under which a proxy publishes the API, such as `/celeriac`; the proxy removes it. Default: none. */
  readonly basePath?: string;
  /** Name of the environment, such as `production`, which every page shows. Default: none. */
  readonly environment?: string;
  /** Link to the log lines of a task, with the placeholder `{task_id}`. Default: none. */
  readonly logUrl?: string;
  /** Link to a trace, with the placeholder `{trace_id}`. Default: none. */
  readonly traceUrl?: string;
  /** Whether the page refuses changes, whatever the reader's rights are. Default `false`. */
  readonly readOnly?: boolean;
  /** IANA name of the time zone for readers who chose none. Default `Asia/Seoul`. */
  readonly timeZone?: string;
}

/** Time zone for readers who chose none. */
export const DEFAULT_TIME_ZONE = "Asia/Seoul";
