/** The English texts of the pages of workflows. */

/** English texts. Those with values are functions. */
export const ENGLISH_WORKFLOWS = {
  workflows: {
    title: "Workflows",
    one: "Workflow",
    back: "All workflows",
    empty: "No workflows yet. Submit one:",
    none: "No workflow on this page is visible to your key.",
    names: "Tasks",
    large: "a large workflow",
    done: "Done",
    progress: (done: number, total: number) => `${done} of ${total}`,
    structure: "Structure",
    explanation: "Arrows lead from one step to the next. Tasks below each other run in parallel.",
    parallel: (count: number) => `${count} in parallel`,
    more: (count: number) => `${count} more`,
    callbacks: "on success",
    errbacks: "on failure",
    raw: "Workflow as JSON",
  },
} as const;
