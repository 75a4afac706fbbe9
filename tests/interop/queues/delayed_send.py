"""Sends tasks to our queue from a project that delays messages in the broker. Prints the id and due time of each as JSON."""

import json
import time

from quorum_app import OURS, app

sent = {}
for name, task, args, countdown in (
    ("at once", "test.echo", ("now",), None),
    ("soon", "test.echo", ("soon",), 1),
    ("later", "test.sleep", (600,), 3),
    ("again", "test.flaky", (1,), 2),
):
    due = time.time() + (countdown or 0)
    sent[name] = {"id": app.send_task(task, args=args, queue=OURS, countdown=countdown).id, "due": due}
print(json.dumps(sent))
