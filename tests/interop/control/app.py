"""A Celery project whose tasks run on workers of ours."""

import os

from celery import Celery

app = Celery("app", broker=os.environ["BROKER"])
app.conf.update(broker_connection_retry_on_startup=True)


@app.task(name="proj.add")
def add(x, y):
    return x + y


@app.task(name="test.echo")
def echo(value):
    """Declared only: Flower limits the tasks that its own app knows. It runs on workers of ours."""
    raise NotImplementedError
