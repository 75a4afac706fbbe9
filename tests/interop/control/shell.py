"""Reads commands from standard input, one line of JSON each, and runs them with Celery's programs in this process.

{"cli": ["inspect", "ping"]}      runs `celery -A app inspect ping`   -> {"code": 0, "output": "..."}
{"send": "name", "kwargs": {}, "options": {}}                         -> {"id": "..."}
{"watch": true}                   the state of celery.events.state    -> {"workers": {...}, "tasks": {...}}
"""

import json
import sys
import threading
import time

from celery.bin.celery import celery as cli
from click.testing import CliRunner
from kombu import Queue

from app import app

state = app.events.State()


def capture():
    while True:
        try:
            with app.connection() as connection:
                receiver = app.events.Receiver(connection, handlers={"*": state.event})
                receiver.capture(limit=None, timeout=None, wakeup=True)
        except Exception as error:
            print(f"event receiver: {error!r}", file=sys.stderr, flush=True)
            time.sleep(0.5)


def run(order):
    if "cli" in order:
        result = CliRunner().invoke(cli, ["-A", "app", *order["cli"]])
        output = result.output
        if result.exception and not isinstance(result.exception, SystemExit):
            output += repr(result.exception)
        return {"code": result.exit_code, "output": output}
    if "send" in order:
        options = order.get("options", {})
        queue = Queue(options.pop("queue", "celeriac.default"), no_declare=True)
        sent = app.send_task(order["send"], kwargs=order.get("kwargs", {}), queue=queue, **options)
        return {"id": sent.id}
    with state._mutex:
        return {
            "workers": {name: worker.alive for name, worker in state.workers.items()},
            "tasks": {
                uuid: {"name": task.name, "state": task.state, "worker": task.worker and task.worker.hostname}
                for uuid, task in state.tasks.items()
            },
        }


threading.Thread(target=capture, daemon=True).start()
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    try:
        answer = run(json.loads(line))
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
