/** The picture of a run: bars with ranges, for light and dark pages.
 * @module
 */
import type { BenchDocument } from "../kit/document.ts";
import type { Figure } from "../kit/figures.ts";
import { formatAmount } from "./amounts.ts";

/** A group of bars with one scale. */
interface Panel {
  readonly title: string;
  readonly measurement: string;
  readonly figure: string;
}

const PANELS: readonly Panel[] = [
  {
    title: "End to end, tasks per second (longer is better)",
    measurement: "end-to-end",
    figure: "throughput",
  },
  {
    title: "End to end, CPU seconds per 1,000 tasks over all processes (shorter is better)",
    measurement: "end-to-end",
    figure: "CPU",
  },
  {
    title: "Waited call with 1 client, p50 in milliseconds (shorter is better)",
    measurement: "calls-1",
    figure: "p50",
  },
];

const WIDTH = 1000;
const LEFT = 380;
const RIGHT = 110;
const BAR = 20;
const STEP = 36;
const HEADING = 40;
const MARGIN = 20;

/** A bar longer than this many times Celeriac's is cut, so that the others stay readable. */
const LONGEST = 4;

const STYLE = `
    .page { fill: #ffffff; stroke: #d0d7de }
    text { fill: #1f2328; font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif }
    .heading { font-size: 15px; font-weight: 600 }
    .system, .durability { text-anchor: end }
    .durability { fill: #59636e; font-size: 11px }
    .bar { fill: #afb8c1 }
    .own { fill: #0969da }
    .range { stroke: #1f2328; stroke-width: 1.5 }
    .cut { fill: #ffffff }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #3d444d }
      text { fill: #f0f6fc }
      .durability { fill: #9198a1 }
      .bar { fill: #57606a }
      .own { fill: #4493f8 }
      .range { stroke: #f0f6fc }
      .cut { fill: #0d1117 }
    }`;

/** Draws the picture as an SVG document. A panel without figures is left out. */
export function drawPicture({ figures }: Pick<BenchDocument, "figures">): string {
  let top = MARGIN;
  const parts: string[] = [];
  for (const panel of PANELS) {
    const bars = figures.filter((one) =>
      one.measurement === panel.measurement && one.figure === panel.figure
    );
    if (bars.length === 0) continue;
    parts.push(drawPanel(panel.title, bars, top));
    top += HEADING + bars.length * STEP + MARGIN;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img" aria-labelledby="title desc">
  <title id="title">Celeriac and its peers on the same machine</title>
  <desc id="desc">${escapeXml(describe(figures))}</desc>
  <style>${STYLE}
  </style>
  <rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${top - 1}" rx="6"/>
${parts.join("\n")}
</svg>
`;
}

function drawPanel(title: string, bars: readonly Figure[], top: number): string {
  const longest = Math.max(...bars.map(({ most }) => most));
  const own = bars.find(isOwn)?.median;
  const limit = own === undefined ? longest : Math.min(longest, own * LONGEST);
  const scale = (WIDTH - LEFT - RIGHT) / limit;
  const drawn = bars.map((bar, index) => drawBar(bar, top + HEADING + index * STEP, scale, limit));
  return [
    `  <text class="heading" x="${MARGIN}" y="${top + 20}">${escapeXml(title)}</text>`,
    ...drawn,
  ].join("\n");
}

function drawBar(bar: Figure, top: number, scale: number, limit: number): string {
  const { system, durability, median, least, most } = bar;
  const middle = top + BAR / 2;
  const end = LEFT + Math.min(median, limit) * scale;
  const isCut = median > limit;
  const range = isCut || least === most
    ? ""
    : rangeLine(least, Math.min(most, limit), middle, scale);
  const labelled = isCut ? end : LEFT + Math.min(most, limit) * scale;
  const text = `y="${middle + 5}"`;
  return [
    `  <text class="system" x="${LEFT - 10}" y="${middle - 1}">${escapeXml(system)}</text>`,
    `  <text class="durability" x="${LEFT - 10}" y="${middle + 13}">${
      escapeXml(durability)
    }</text>`,
    `  <rect class="bar${isOwn(bar) ? " own" : ""}" x="${LEFT}" y="${top}" width="${
      pixels(end - LEFT)
    }" height="${BAR}" rx="2"/>`,
    range,
    isCut ? cutMark(end, top) : "",
    `  <text x="${pixels(labelled + 8)}" ${text}>${formatAmount(median)}</text>`,
  ].filter(Boolean).join("\n");
}

function rangeLine(least: number, most: number, middle: number, scale: number): string {
  const [from, to] = [pixels(LEFT + least * scale), pixels(LEFT + most * scale)];
  return `  <path class="range" d="M${from} ${middle}H${to}M${from} ${middle - 4}v8M${to} ${
    middle - 4
  }v8"/>`;
}

/** A gap in a bar that is longer than the picture. */
function cutMark(end: number, top: number): string {
  const x = pixels(end - 24);
  return `  <path class="cut" d="M${x} ${top}h6l-4 ${BAR}h-6z"/>`;
}

/** The same in words, for readers who do not see the picture. */
function describe(figures: readonly Figure[]): string {
  return PANELS.flatMap(({ title, measurement, figure }) => {
    const bars = figures.filter((one) => one.measurement === measurement && one.figure === figure);
    const values = bars.map(({ system, median }) => `${system} ${formatAmount(median)}`);
    return values.length === 0 ? [] : [`${title}: ${values.join("; ")}.`];
  }).join(" ");
}

function isOwn({ system }: Figure): boolean {
  return system.startsWith("Celeriac");
}

function pixels(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
