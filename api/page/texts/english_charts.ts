/** The English texts of the charts. */

/** English texts. */
export const ENGLISH_CHARTS = {
  charts: {
    title: "Charts",
    range: "Time range",
    ranges: { "1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "72h": "72 hours" },
    task: "Task",
    queue: "Queue",
    show: "Show",
    throughput: "Ended tasks per minute",
    failures: "Failures per minute",
    runs: "Run time in seconds",
    waits: "Wait in seconds",
    depth: "Messages in the deepest queues",
    ended: "all",
    succeeded: "succeeded",
    failed: "failed",
    retried: "retried",
    rejected: "rejected",
    median: "median",
    slow: "95 % are faster",
    time: "Time",
    table: "Table",
    empty: "No task ended in this time range.",
  },
} as const;
