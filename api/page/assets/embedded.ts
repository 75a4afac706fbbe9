/** The scripts and the style sheet of the page. They are parts of the program: the page loads nothing from elsewhere. */
import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import sse from "htmx.org/dist/ext/hx-sse.min.js" with { type: "text" };
import uplot from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import { type Answer, etagOf } from "../../http/conditional.ts";
import charts from "./charts.js" with { type: "text" };
import chartsStyle from "./charts.css" with { type: "text" };
import bulk from "./bulk.css" with { type: "text" };
import base from "./base.css" with { type: "text" };
import filter from "./filter.js" with { type: "text" };
import frame from "./frame.css" with { type: "text" };
import script from "./page.js" with { type: "text" };
import parts from "./parts.css" with { type: "text" };
import tables from "./tables.css" with { type: "text" };
import timeline from "./timeline.css" with { type: "text" };
import trying from "./trying.css" with { type: "text" };
import views from "./views.css" with { type: "text" };
import workflow from "./workflow.css" with { type: "text" };

/** A file that browsers load. */
export interface Asset extends Answer {
  /** Name in the URL. It changes with the content, so that browsers can keep the file. */
  readonly file: string;
  readonly type: string;
}

const SCRIPT = "text/javascript; charset=utf-8";

function asset(name: string, extension: string, type: string, body: string): Asset {
  const etag = etagOf(body);
  return { file: `${name}-${etag.slice(1, 11)}.${extension}`, type, body, etag };
}

/** All files by purpose. */
export const ASSETS = {
  style: asset(
    "page",
    "css",
    "text/css; charset=utf-8",
    base + frame + parts + tables + timeline + trying + bulk + views + workflow,
  ),
  // One file: htmx starts in the next turn, and would leave streams closed if the extension arrived later.
  htmx: asset("htmx", "js", SCRIPT, `${htmx}\n;${sse}`),
  script: asset("page", "js", SCRIPT, script + filter),
  // Only on pages with charts.
  uplot: asset("uplot", "js", SCRIPT, uplot),
  charts: asset("charts", "js", SCRIPT, charts),
  chartsStyle: asset("charts", "css", "text/css; charset=utf-8", uplotStyle + chartsStyle),
} as const;

/** File name -> file. */
export const ASSET_FILES: ReadonlyMap<string, Asset> = new Map(
  Object.values(ASSETS).map((one) => [one.file, one]),
);
