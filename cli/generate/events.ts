/** The picture of the exchanges that an event passes, and of its tasks. */
import {
  ENTRY_EXCHANGE,
  EVENT_MATCH_EXCHANGE,
  EVENT_STREAM,
  EVENT_TYPE_EXCHANGE,
  EVERY_EVENT_EXCHANGE,
  FORWARD_QUEUE,
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
  box("step", 0, 60, "Publish", "HTTP, SQL, handlers,", "any AMQP client"),
  box("rabbitmq", 1, 60, ENTRY_EXCHANGE, "topic exchange"),
  box("rabbitmq", 2, 60, INBOX_QUEUE, "quorum queue"),
  box("rabbitmq", 3, 60, FORWARD_QUEUE, "quorum queue"),
  box("step", 0, 220, "Dispatcher", "in beat: a task for", "each subscription"),
  box("rabbitmq", 1, 220, TASK_EXCHANGE, "direct exchange:", "by name of the queue"),
  box("rabbitmq", 2, 220, "Task queues", "celeriac.*"),
  box("final", 3, 220, "Workers", "run the handlers"),
  box("postgres", 1, 320, "Postgres", "subscriptions,", "recorded events"),
  box("step", 0, 550, "Forwarder", "in beat"),
  box("rabbitmq", 1, 550, EVENT_TYPE_EXCHANGE, "topic exchange:", "by type"),
  box("rabbitmq", 2, 450, EVERY_EVENT_EXCHANGE, "fanout exchange:", "all events"),
  box("rabbitmq", 2, 550, EVENT_MATCH_EXCHANGE, "headers exchange:", "by attribute"),
  box("rabbitmq", 3, 450, EVENT_STREAM, "stream, optional"),
  box("rabbitmq", 3, 550, `${SUBSCRIBER_PREFIX}*`, "queues of", "other systems"),
];

const ARROWS: readonly Arrow[] = [
  { points: [[200, 99], [268, 99]] },
  { points: [[452, 99], [508, 99]] },
  { points: [[452, 75], [480, 75], [480, 48], [852, 48], [852, 60]] },
  {
    points: [[608, 138], [608, 180], [108, 180], [108, 220]],
    label: "one active consumer",
    at: [300, 174, "middle"],
  },
  { points: [[200, 259], [268, 259]] },
  { points: [[452, 259], [508, 259]] },
  { points: [[708, 259], [760, 259]] },
  { points: [[108, 298], [108, 359], [268, 359]] },
  {
    points: [[944, 99], [952, 99], [952, 420], [108, 420], [108, 550]],
    label: "one active consumer",
    at: [300, 414, "middle"],
  },
  { points: [[200, 589], [268, 589]] },
  { points: [[452, 575], [480, 575], [480, 489], [508, 489]] },
  { points: [[452, 589], [508, 589]] },
  { points: [[708, 480], [760, 480]] },
  { points: [[708, 500], [732, 500], [732, 570], [760, 570]] },
  { points: [[708, 589], [760, 589]] },
  {
    points: [[360, 628], [360, 652], [716, 652], [716, 610], [760, 610]],
    label: "by a pattern, such as orders.*.paid",
    at: [538, 668, "middle"],
  },
];

/** Draws it. */
export function eventsSvg(): string {
  return drawSvg({
    width: 960,
    height: 690,
    title: "The way of an event",
    description:
      "Above: publishers send an event to the topic exchange event.celeriac. It fills the queues inbox.celeriac and forward.celeriac. In the middle: the dispatcher in beat consumes the inbox. It publishes a task for each subscription to the direct exchange celeriac, which routes it to a queue that workers consume. It records the event in Postgres. Below: the forwarder in beat consumes the other queue and publishes to the topic exchange type.event.celeriac. It passes the event to the fanout exchange every.event.celeriac, which fills the optional stream log.celeriac, and to the headers exchange match.event.celeriac. Queues of other systems are bound to these three exchanges.",
    headings: [
      { x: 16, y: 32, text: "Publishers and queues of events" },
      { x: 268, y: 206, text: "Tasks of an event" },
      { x: 268, y: 450, text: "Other systems" },
    ],
    boxes: BOXES,
    arrows: ARROWS,
  });
}
