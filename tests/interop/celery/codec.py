"""Processes our values like Celery and kombu process theirs. Reads a JSON file and prints JSON."""

import json
import sys
from io import StringIO

from celery import Celery
from celery.canvas import Signature
from celery.events.dumper import Dumper
from celery.events.state import State
from celery.utils.saferepr import saferepr
from kombu.utils.json import loads

app = Celery("codec")


def read_events(events):
    """The output of `celery events --dump` and the state that Flower derives from the events."""
    out, state = StringIO(), State()
    for event in events:
        state.event(dict(event, local_received=event["timestamp"]))
        Dumper(out=out).on_event(dict(event))
    tasks = {
        uuid: {"name": task.name, "state": task.state, "args": task.args, "result": task.result}
        for uuid, task in state.tasks.items()
    }
    alive = {name: worker.alive for name, worker in state.workers.items()}
    return {"tasks": tasks, "workers": sorted(alive), "lines": out.getvalue().splitlines()}


def read_exception(meta):
    error = app.backend.exception_to_python(meta)
    return [type(error).__module__, type(error).__name__, list(error.args), repr(error)]


def read_signature(wire):
    signature = Signature.from_dict(wire, app=app)
    return [type(signature).__name__, signature.task, list(signature.args), signature.options]


with open(sys.argv[1]) as file:
    given = json.load(file)

print(
    json.dumps(
        {
            "saferepr": [saferepr(value, 1024) for value in given["values"]],
            "tuples": [saferepr(tuple(value), 1024) for value in given["lists"]],
            "events": read_events(given["events"]),
            "exceptions": [read_exception(meta) for meta in given["exceptions"]],
            "signatures": [read_signature(wire) for wire in given["signatures"]],
            "json": [repr(loads(text)) for text in given["json"]],
        }
    )
)
