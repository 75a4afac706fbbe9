"""A Celery project with quorum queues and topic exchanges, which therefore delays messages in the broker."""

import os

from celery import Celery
from kombu import Exchange, Queue

app = Celery("quorum_app", broker=os.environ["BROKER"], backend=os.environ.get("RESULTS"))
app.conf.update(
    task_default_queue="celery",
    task_default_queue_type="quorum",
    task_default_exchange_type="topic",
    result_persistent=False,
    # Otherwise a program that ends after its last message may take it along.
    broker_transport_options={"confirm_publish": True},
)

# Immediate messages reach our queue through the exchange that delivers delayed messages.
OURS = Queue(
    "celeriac.default",
    Exchange("celery_delayed_delivery", type="topic", no_declare=True),
    routing_key="celeriac.default",
    no_declare=True,
)


@app.task(name="proj.add")
def add(x, y):
    return x + y
