import { z } from "zod";
import { defineEvent } from "../events/event_contract.ts";
import { on } from "../events/subscription.ts";
import { textStatistics } from "./text_statistics.ts";

/** An event of the sample app. */
export const textPublished = defineEvent({
  type: "text.published",
  summary: "A text was published",
  data: z.object({ text: textStatistics.input.shape.text }),
  example: { text: "Celery on Deno. Ein Satz, ein Wort: fertig!" },
});

/** Counts the words of each published text. */
export const publishedStatistics = on(textPublished, {
  name: "published-statistics",
  task: textStatistics,
});
