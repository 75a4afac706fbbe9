"""A Celery project whose tasks run on our workers."""

import os

from celery import Celery

app = Celery("app", broker=os.environ["BROKER"])
app.conf.update(broker_connection_retry_on_startup=True)


@app.task(name="proj.add")
def add(x, y):
    return x + y


@app.task(name="test.echo")
def echo(value):
    """Only declared here, because Flower limits only tasks of its own app. It runs on our workers."""
    raise NotImplementedError
