/** Links from a task to its trace and its log lines in other systems. */
import { html } from "hono/html";
import {
  LOG_PLACEHOLDER,
  TRACE_PLACEHOLDER,
} from "../../../shared/config/settings/link_template.ts";
import type { TaskRecord } from "../../../shared/results/result.ts";
import type { Markup, View } from "../view/view.ts";

/** The links with their titles: those that have a template, and whose value is known. */
export function outsideLinks(
  view: View,
  { id, lineage }: Pick<TaskRecord, "id" | "lineage">,
): (readonly [title: string, link: Markup])[] {
  const { task } = view.texts;
  const { traceUrl, logUrl } = view.site;
  const trace = lineage?.trace;
  const link = (url: string, text: string) => html`<a href="${url}" rel="noreferrer">${text}</a>`;
  return [
    ...(traceUrl !== undefined && trace !== undefined
      ? [[task.trace, link(filled(traceUrl, TRACE_PLACEHOLDER, trace), trace)] as const]
      : []),
    ...(logUrl !== undefined
      ? [[task.log, link(filled(logUrl, LOG_PLACEHOLDER, id), task.openLog)] as const]
      : []),
  ];
}

function filled(template: string, placeholder: string, value: string): string {
  return template.replaceAll(placeholder, () => encodeURIComponent(value.toWellFormed()));
}
