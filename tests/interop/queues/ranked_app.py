"""A Celery project with priority queues. As a script it sends tasks by name or declares its queue."""

import json
import os
import sys

from celery import Celery

app = Celery("ranked_app", broker=os.environ["BROKER"], backend=os.environ.get("RESULTS"))
app.conf.update(
    task_default_queue="ranked",
    task_queue_max_priority=10,
    worker_prefetch_multiplier=1,
    result_persistent=False,
    broker_connection_retry_on_startup=True,
    # Otherwise a program that ends after its last message may take it along.
    broker_transport_options={"confirm_publish": True},
)


@app.task(name="proj.rank")
def rank(priority):
    return priority


if __name__ == "__main__":
    if sys.argv[1] == "declare":
        with app.connection_for_write() as connection:
            app.amqp.queues["ranked"].bind(connection.default_channel).declare()
    else:
        priorities = [int(text) for text in sys.argv[2:]]
        sent = [app.send_task(sys.argv[1], args=(0.02,), priority=number) for number in priorities]
        print(json.dumps([result.id for result in sent]))
