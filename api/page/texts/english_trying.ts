/** The English texts of the pages to try a task. */

/** English texts. Those with values are functions. */
export const ENGLISH_TRYING = {
  trying: {
    title: "Try a task",
    back: "Other tasks",
    explanation: "Choose a task, fill in its arguments, and submit it.",
    none: "The app has no task that your key may submit.",
    task: "Task",
    summary: "What it does",
    noInput: "The task takes no arguments.",
    optional: "optional",
    fallback: (value: string) => `default: ${value}`,
    json: "as JSON",
    unset: "–",
    delay: "Delay in seconds",
    submit: "Submit the task",
    show: "Show the calls",
    calls: "The same call",
    invalid: "The task does not accept these arguments:",
    redacted: (names: string) => `Its record does not contain ${names}: fill them in again.`,
    copied: (id: string) => `The arguments are those of task ${id}.`,
  },
} as const;
