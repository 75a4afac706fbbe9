/** The English texts of the page of pauses. */

/** English texts. Those with values are functions. */
export const ENGLISH_PAUSES = {
  pauses: {
    title: "Pauses",
    explanation:
      "Tasks of a paused queue, and paused tasks, do not start. Their messages are kept until you resume them.",
    empty: "Nothing is paused.",
    scope: "Kind",
    scopes: { queue: "Queue", task: "Task" },
    name: "Name",
    state: "State",
    paused: "paused",
    resuming: "resuming",
    reason: "Reason",
    by: "Paused by",
    at: "Since",
    parked: "Kept messages",
    pause: "Pause a queue or a task",
    pauseConfirm: "Pause",
    pauseWarning: "Running tasks are finished. No other task starts until you resume it.",
    resumingAt: (rate: string) => `resuming, ${rate} messages per second`,
    rate: "Kept messages per second",
    allAtOnce: "all at once",
    resume: "Resume",
    resumeWarning: "Its tasks start again, and the kept messages are sent.",
    resumeConfirm: "Resume",
    queueMark: (reason: string) => reason === "" ? "Paused" : `Paused: ${reason}`,
  },
} as const;
