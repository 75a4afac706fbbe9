/** Templates of links to other systems. */

/** Stands for the id of a trace. */
export const TRACE_PLACEHOLDER = "{trace_id}";

/** Stands for the id of a task. */
export const LOG_PLACEHOLDER = "{task_id}";

/** Why a text is no template of a link; `undefined` if it is one. The placeholder must follow the host, which a value must not choose.
 *
 * @example
 * ```ts
 * import { linkTemplateFault } from "./link_template.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const faultOf = (template: string) => linkTemplateFault(template, "{task_id}");
 * assertEquals(faultOf("https://logs.example/?query={task_id}"), undefined);
 * assertEquals(
 *   faultOf("https://logs.example/"),
 *   "it lacks the placeholder {task_id}: put it where the id belongs",
 * );
 * ```
 */
export function linkTemplateFault(template: string, placeholder: string): string | undefined {
  if (!/^https?:\/\//i.test(template)) {
    return `it is not a link with http or https: write it as https://host/path/${placeholder}`;
  }
  const url = URL.parse(template.replaceAll(placeholder, "0"));
  if (!url) return `it is not a valid URL: write it as https://host/path/${placeholder}`;
  const [, authority = "", rest = ""] = /^\w+:\/\/([^/?#\\]*)(.*)$/s.exec(template) ?? [];
  if (authority.includes("@")) {
    return "it contains a user or a password, which every reader would see: leave them out";
  }
  if (authority.includes(placeholder)) {
    return `its host depends on ${placeholder}: put the placeholder after the host`;
  }
  if (!rest.includes(placeholder)) {
    return `it lacks the placeholder ${placeholder}: put it where the id belongs`;
  }
  return undefined;
}
