"""Publishes one order with each binding, as the broker user for events, or over HTTP.

    publish.py amqp          to the broker at BROKER
    publish.py http URL      to the API at URL

Prints the events as JSON, by the name of the binding.
"""

import json
import os
import sys
import urllib.request
from datetime import datetime, timezone

from cloudevents.core.bindings import amqp, http, rabbitmq
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from kombu import Connection, Producer

sent = {}


def event(name):
    attributes = {
        "type": "orders.eu.paid",
        "source": "/python",
        "id": name,
        "time": datetime.now(timezone.utc).replace(microsecond=123000),
        "datacontenttype": "application/json",
        "subject": "übermut",
        "tenant": "acme",
    }
    created = CloudEvent(attributes, {"order": name, "city": "Köln"})
    sent[name] = json.loads(JSONFormat().write(created))
    return created


def over_amqp():
    with Connection(os.environ["BROKER"], transport_options={"confirm_publish": True}) as connection:
        producer = Producer(connection.channel())

        def publish(body, content_type, headers):
            producer.publish(
                body,
                exchange="event.celeriac",
                routing_key="orders.eu.paid",
                content_type=content_type,
                content_encoding="utf-8",
                headers=headers,
                delivery_mode=2,
                mandatory=True,
            )

        message = amqp.to_structured_event(event("amqp-structured"))
        publish(message.application_data, message.properties["content-type"], {})
        message = amqp.to_binary_event(event("amqp-binary"))
        publish(
            message.application_data,
            message.properties["content-type"],
            message.application_properties,
        )
        message = amqp.to_binary_event(event("amqp-colon"))
        headers = {
            name.replace("cloudEvents_", "cloudEvents:"): value
            for name, value in message.application_properties.items()
        }
        publish(message.application_data, message.properties["content-type"], headers)
        message = rabbitmq.to_structured_event(event("rabbitmq-structured"))
        publish(message.body, message.content_type, message.headers)
        message = rabbitmq.to_binary_event(event("rabbitmq-binary"))
        publish(message.body, message.content_type, message.headers)
        # A native time, as py-amqp writes it: seconds.
        native = event("native-time")
        headers = amqp.to_binary_event(native).application_properties
        second = native.get_time().replace(microsecond=0)
        sent["native-time"]["time"] = second.isoformat().replace("+00:00", "Z")
        publish(
            json.dumps(native.get_data()).encode(),
            "application/json",
            {**headers, "cloudEvents_time": second.replace(tzinfo=None)},
        )


def over_http(url):
    for name, write in (
        ("http-structured", http.to_structured_event),
        ("http-binary", http.to_binary_event),
    ):
        message = write(event(name))
        request = urllib.request.Request(f"{url}/v1/events", message.body, dict(message.headers))
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 202, answer.status


if sys.argv[1] == "amqp":
    over_amqp()
else:
    over_http(sys.argv[2])
print(json.dumps(sent))
