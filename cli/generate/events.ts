/** The picture of the exchanges that an event passes, and of its tasks. */
import {
  ENTRY_EXCHANGE,
  EVENT_MATCH_EXCHANGE,
  EVENT_STREAM,
  EVERY_EVENT_EXCHANGE,
  INBOX_QUEUE,
  SUBSCRIBER_PREFIX,
} from "../../shared/broker/event_topology.ts";
import { TASK_EXCHANGE } from "../../shared/broker/topology.ts";
import { type Arrow, type Box, type BoxKind, drawSvg } from "./svg.ts";

const HEIGHT = 78;
/** Left edges and widths of the four columns. */
const COLUMNS = [[16, 184], [268, 184], [508, 200], [760, 184]] as const;

function box(
  kind: BoxKind,
  column: 0 | 1 | 2 | 3,
  y: number,
  title: string,
  ...lines: string[]
): Box {
  const [x, width] = COLUMNS[column];
  return { kind, x, y, width, height: HEIGHT, title, lines };
}

const BOXES: readonly Box[] = [
  box("step", 0, 170, "Publish", "HTTP, SQL, handlers,", "any AMQP client"),
  box("rabbitmq", 1, 170, ENTRY_EXCHANGE, "topic exchange:", "by type"),
  box("rabbitmq", 2, 60, EVERY_EVENT_EXCHANGE, "fanout exchange:", "all events"),
  box("rabbitmq", 2, 170, EVENT_MATCH_EXCHANGE, "headers exchange:", "by attribute"),
  box("rabbitmq", 3, 60, INBOX_QUEUE, "quorum queue"),
  box("rabbitmq", 3, 170, `${SUBSCRIBER_PREFIX}*`, "queues of", "other systems"),
  box("rabbitmq", 3, 280, EVENT_STREAM, "stream, optional"),
  box("step", 0, 440, "Dispatcher", "in beat: a task for", "each subscription"),
  box("rabbitmq", 1, 440, TASK_EXCHANGE, "direct exchange:", "by name of the queue"),
  box("rabbitmq", 2, 440, "Task queues", "celeriac.*"),
  box("final", 3, 440, "Workers", "run the handlers"),
  box("postgres", 1, 550, "Postgres", "subscriptions,", "recorded events"),
];

const ARROWS: readonly Arrow[] = [
  { points: [[200, 209], [268, 209]] },
  { points: [[452, 195], [480, 195], [480, 99], [508, 99]] },
  { points: [[452, 209], [508, 209]] },
  { points: [[708, 99], [760, 99]] },
  { points: [[708, 115], [732, 115], [732, 190], [760, 190]] },
  { points: [[708, 115], [732, 115], [732, 319], [760, 319]] },
  { points: [[708, 209], [760, 209]] },
  {
    points: [[360, 248], [360, 272], [716, 272], [716, 230], [760, 230]],
    label: "by a pattern, such as orders.*.paid",
    at: [538, 288, "middle"],
  },
  {
    points: [[944, 99], [952, 99], [952, 410], [108, 410], [108, 440]],
    label: "one active consumer",
    at: [300, 404, "middle"],
  },
  { points: [[200, 479], [268, 479]] },
  { points: [[452, 479], [508, 479]] },
  { points: [[708, 479], [760, 479]] },
  { points: [[108, 518], [108, 589], [268, 589]] },
];

/** Draws it. */
export function eventsSvg(): string {
  return drawSvg({
    width: 960,
    height: 644,
    title: "The way of an event",
    description:
      "Above: publishers send an event to the topic exchange event.celeriac. It passes the event to the fanout exchange every.event.celeriac and to the headers exchange match.event.celeriac. The fanout exchange fills the queue inbox.celeriac and the optional stream log.celeriac. Queues of other systems are bound to any of the three exchanges. Below: the dispatcher in beat consumes the inbox. It publishes a task for each subscription to the direct exchange celeriac, which routes it to a queue that workers consume. It records the event in Postgres.",
    headings: [
      { x: 16, y: 32, text: "Exchanges and queues of events" },
      { x: 16, y: 380, text: "Tasks of an event" },
    ],
    boxes: BOXES,
    arrows: ARROWS,
  });
}
