/** The English texts of reasons why a task does not run. */

/** English texts. */
export const ENGLISH_WHY = {
  why: {
    title: "Why is it not running?",
    back: "The task",
    ask: "Find the reason",
    asking: "Asking the broker and the workers ...",
    unread: "These facts could not be read:",
  },
} as const;
