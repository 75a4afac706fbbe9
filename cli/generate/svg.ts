/** Boxes and arrows as an SVG document, for light and dark pages. */

/** What a box stands for; each kind has its colour. */
export type BoxKind = "rabbitmq" | "postgres" | "step" | "final";

/** A box with a title and short lines of text. */
export interface Box {
  readonly kind: BoxKind;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly lines: readonly string[];
}

/** A line through points that ends in an arrow head. */
export interface Arrow {
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly label?: string;
  /** Where the label is: x, y of its baseline, and which end of the text is there. Default start. */
  readonly at?: readonly [x: number, y: number, anchor?: "start" | "middle" | "end"];
  readonly dashed?: boolean;
}

/** A heading inside the drawing. */
export interface Heading {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

/** A drawing. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** Short name, for screen readers. */
  readonly title: string;
  /** The content in words, for screen readers. */
  readonly description: string;
  readonly headings: readonly Heading[];
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

const STYLE = `
    .page { fill: #ffffff; stroke: #d0d7de }
    text { fill: #1f2328; font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif }
    .heading { font-size: 16px; font-weight: 600 }
    .title { font-size: 15px; font-weight: 600; text-anchor: middle }
    .line { text-anchor: middle }
    .label { fill: #59636e; paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
    .arrow { fill: none; stroke: #59636e; stroke-width: 1.5 }
    .dashed { stroke-dasharray: 5 4 }
    .head { fill: #59636e }
    .rabbitmq { fill: #fff1e5; stroke: #bc4c00 }
    .postgres { fill: #ddf4ff; stroke: #0969da }
    .step { fill: #f6f8fa; stroke: #59636e }
    .final { fill: #dafbe1; stroke: #1a7f37 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #3d444d }
      text { fill: #f0f6fc }
      .label { fill: #9198a1; stroke: #0d1117 }
      .arrow { stroke: #9198a1 }
      .head { fill: #9198a1 }
      .rabbitmq { fill: #3d2415; stroke: #f0883e }
      .postgres { fill: #10294a; stroke: #58a6ff }
      .step { fill: #212830; stroke: #9198a1 }
      .final { fill: #12311d; stroke: #3fb950 }
    }`;

const TITLE_HEIGHT = 19;
const LINE_HEIGHT = 17;

/** Writes a drawing as an SVG document.
 *
 * @example
 * ```ts
 * import { drawSvg } from "./svg.ts";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const box = { kind: "step", x: 0, y: 0, width: 80, height: 40, title: "A & B", lines: [] } as const;
 * const drawing = { width: 80, height: 40, title: "t", description: "d", headings: [], boxes: [box], arrows: [] };
 * assertStringIncludes(drawSvg(drawing), "A &amp; B");
 * ```
 */
export function drawSvg(drawing: Drawing): string {
  const { width, height, title, description, headings, boxes, arrows } = drawing;
  const parts = [
    `<title id="title">${escape(title)}</title>`,
    `<desc id="desc">${escape(description)}</desc>`,
    `<style>${STYLE}\n  </style>`,
    `<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">`,
    `  <path class="head" d="M0 0 8 4 0 8z" />`,
    `</marker>`,
    `<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" />`,
    ...headings.map(({ x, y, text }) => textAt("heading", x, y, text)),
    ...arrows.map(line),
    ...boxes.flatMap(box),
    ...arrows.flatMap(label),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">\n${
    parts.map((part) => `  ${part}`).join("\n")
  }\n</svg>\n`;
}

function box({ kind, x, y, width, height, title, lines }: Box): string[] {
  const middle = x + width / 2;
  const top = y + (height - TITLE_HEIGHT - LINE_HEIGHT * lines.length) / 2 + 14;
  return [
    `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="8" />`,
    textAt("title", middle, top, title),
    ...lines.map((text, index) =>
      textAt("line", middle, top + TITLE_HEIGHT + LINE_HEIGHT * index, text)
    ),
  ];
}

function line({ points, dashed }: Arrow): string {
  const through = points.map((point) => point.join(" ")).join(" L");
  return `<path class="arrow${dashed ? " dashed" : ""}" d="M${through}" marker-end="url(#head)" />`;
}

function label({ label, at }: Arrow): string[] {
  if (label === undefined || at === undefined) return [];
  const [x, y, anchor = "start"] = at;
  return [
    `<text class="label" x="${x}" y="${y}" text-anchor="${anchor}">${escape(label)}</text>`,
  ];
}

function textAt(className: string, x: number, y: number, text: string): string {
  return `<text class="${className}" x="${x}" y="${y}">${escape(text)}</text>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
