/** The picture of a task's lifecycle: where its message waits, and the states of its record. */
import type { State } from "../../shared/results/result.ts";
import { type Arrow, type Box, type BoxKind, drawSvg } from "./svg.ts";

const WIDTH = 184;
const HEIGHT = 78;
/** Left edges of the four columns. */
const COLUMNS = [16, 268, 520, 760] as const;

type Spot = Pick<Box, "x" | "y" | "width" | "height">;

const spot = (column: 0 | 1 | 2 | 3, y: number, height = HEIGHT): Spot => ({
  x: COLUMNS[column],
  y,
  width: WIDTH,
  height,
});

const box = (kind: BoxKind, place: Spot, title: string, ...lines: string[]): Box => ({
  kind,
  title,
  lines,
  ...place,
});

const MESSAGE = {
  submit: box("step", spot(0, 88), "Submit", "HTTP, Celery, SQL,", "handler or schedule"),
  queue: box("rabbitmq", spot(1, 88), "Queue", "RabbitMQ: waits for", "a worker"),
  unacked: box("rabbitmq", spot(2, 88), "Unacked", "RabbitMQ: waits or runs", "in a worker"),
  acknowledged: box("final", spot(3, 88), "Acknowledged", "after the record", "is stored"),
  outbox: box("postgres", spot(1, 258), "Outbox", "Postgres: not due yet,", "or not sent yet"),
  lease: box("postgres", spot(2, 258), "Lease", "Postgres: a long task", "runs in a worker"),
  dead: box("postgres", spot(3, 258), "Dead letters", "Postgres: until you", "redrive or purge"),
} as const;

const MESSAGE_ARROWS: readonly Arrow[] = [
  { points: [[200, 127], [268, 127]], label: "publish", at: [232, 119, "middle"] },
  {
    points: [[108, 166], [108, 297], [268, 297]],
    label: "due later, or",
    at: [116, 270],
  },
  // The second line of the label above.
  { points: [[200, 297], [268, 297]], label: "broker down", at: [116, 288] },
  { points: [[310, 258], [310, 166]], label: "when due", at: [302, 216, "end"] },
  { points: [[452, 127], [520, 127]], label: "deliver", at: [484, 119, "middle"] },
  { points: [[704, 127], [760, 127]], label: "ack", at: [730, 119, "middle"] },
  {
    points: [[612, 88], [612, 62], [360, 62], [360, 88]],
    label: "worker dies",
    at: [486, 56, "middle"],
  },
  {
    points: [[556, 166], [432, 258]],
    label: "retry, not yet",
    at: [470, 218, "end"],
  },
  { points: [[620, 166], [620, 258]], label: "after 5 min", at: [628, 216] },
  { points: [[700, 166], [800, 258]], label: "cannot run", at: [766, 216] },
  { points: [[520, 310], [452, 310]], label: "worker dies", at: [486, 353, "middle"] },
  {
    points: [[852, 336], [852, 364], [360, 364], [360, 336]],
    label: "redrive",
    at: [606, 382, "middle"],
  },
];

/** Each state with who writes it. */
const STATES: Readonly<Record<State, Box>> = {
  PENDING: box("step", spot(0, 530), "PENDING", "API, scheduler or SQL,", "at submission"),
  STARTED: box("step", spot(1, 530), "STARTED", "worker, when the", "handler starts"),
  RETRY: box("step", spot(2, 462), "RETRY", "worker, with the next", "message in the outbox"),
  PROGRESS: box("step", spot(2, 598), "PROGRESS", "worker, for each", "context.progress()"),
  SUCCESS: box("final", spot(3, 442, 70), "SUCCESS", "worker"),
  FAILURE: box(
    "final",
    spot(3, 534, 70),
    "FAILURE",
    "worker; API or scheduler",
    "for dead letters",
  ),
  REVOKED: box("final", spot(3, 626, 70), "REVOKED", "API before the start,", "else worker"),
};

const STATE_ARROWS: readonly Arrow[] = [
  { points: [[200, 569], [268, 569]] },
  { points: [[430, 530], [520, 492]] },
  { points: [[520, 516], [452, 545]] },
  { points: [[430, 608], [520, 648]] },
  { points: [[704, 637], [730, 637], [730, 569], [760, 569]] },
  { points: [[452, 569], [730, 569], [730, 477], [760, 477]] },
  { points: [[452, 569], [760, 569]] },
  { points: [[452, 569], [730, 569], [730, 661], [760, 661]] },
  {
    points: [[108, 608], [108, 716], [852, 716], [852, 696]],
    label: "revoked or expired before the start",
    at: [480, 708, "middle"],
  },
  {
    points: [[944, 569], [952, 569], [952, 428], [108, 428], [108, 530]],
    label: "redrive",
    at: [300, 444, "middle"],
    dashed: true,
  },
];

/** Draws it. */
export function lifecycleSvg(): string {
  return drawSvg({
    width: 960,
    height: 736,
    title: "The lifecycle of a task",
    description:
      "Above: a message is published to a queue in RabbitMQ, or waits in the outbox in Postgres until it is due. It is delivered to a worker and stays unacked until the record is stored. The message of a long task moves to a lease in Postgres. Retries go through the outbox. A message that cannot run becomes a dead letter. Below: the record goes from PENDING to STARTED, through RETRY or PROGRESS, to SUCCESS, FAILURE or REVOKED.",
    headings: [
      { x: 16, y: 32, text: "Where the message waits" },
      { x: 16, y: 412, text: "The state of the record, and who writes it" },
    ],
    boxes: [...Object.values(MESSAGE), ...Object.values(STATES)],
    arrows: [...MESSAGE_ARROWS, ...STATE_ARROWS],
  });
}
