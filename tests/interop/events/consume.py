"""Receives events in queues of its own, or from the stream, as the broker user for events.

    consume.py topic|headers|fanout...    until it is stopped
    consume.py stream OFFSET COUNT        so many events from an offset

Prints a line of JSON for each event: the queue's kind, and the event as the SDK of CloudEvents reads it.
"""

import json
import os
import sys

from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.formats.json import JSONFormat
from kombu import Connection, Consumer, Exchange, Queue


def bound(kind, exchange, **binding):
    source = Exchange(exchange, no_declare=True)
    arguments = {"x-queue-type": "quorum"}
    return Queue(f"sub.python.{kind}", source, queue_arguments=arguments, **binding)


QUEUES = {
    "topic": lambda: bound("topic", "type.event.celeriac", routing_key="orders.*.paid"),
    "headers": lambda: bound(
        "headers",
        "match.event.celeriac",
        binding_arguments={"x-match": "all", "cloudEvents_tenant": "acme"},
    ),
    "fanout": lambda: bound("fanout", "every.event.celeriac"),
    "stream": lambda: Queue(
        "log.celeriac", no_declare=True, consumer_arguments={"x-stream-offset": int(sys.argv[2])}
    ),
}


def read(message):
    """The event in a message, as JSON. Structured ones are read by both bindings of the SDK."""
    body = bytes(message.body) if not isinstance(message.body, str) else message.body.encode()
    by_amqp = amqp.from_amqp_event(
        amqp.AMQPMessage({"content-type": message.content_type}, dict(message.headers), body)
    )
    written = JSONFormat().write(by_amqp)
    if message.content_type.startswith("application/cloudevents"):
        by_rabbitmq = rabbitmq.from_rabbitmq_event(
            rabbitmq.RabbitMQMessage(dict(message.headers), message.content_type, body)
        )
        assert JSONFormat().write(by_rabbitmq) == written
    return json.loads(written)


def run(kinds, limit):
    seen = 0
    with Connection(os.environ["BROKER"]) as connection:
        channel = connection.channel()
        consumers = []

        def receiver(kind):
            def receive(message):
                nonlocal seen
                # A chunk of the stream can begin before the offset.
                if kind != "stream" or message.headers["x-stream-offset"] >= int(sys.argv[2]):
                    print(json.dumps({"kind": kind, "event": read(message)}), flush=True)
                    seen += 1
                message.ack()

            return receive

        for kind in kinds:
            consumer = Consumer(
                channel,
                [QUEUES[kind]()],
                on_message=receiver(kind),
                # Structured events, and data of binary ones.
                accept=["json", "application/cloudevents+json"],
            )
            consumer.qos(prefetch_count=100)
            consumer.consume()
            consumers.append(consumer)
        print("consuming", flush=True)
        while limit is None or seen < limit:
            connection.drain_events()


if sys.argv[1] == "stream":
    run(["stream"], int(sys.argv[3]))
else:
    run(sys.argv[1:], None)
