"""Sends every shape of canvas with tasks on both sides and prints each outcome as JSON."""

import json

from proj import add, app, echo, fail, join, slow_add, xsum

from trees import mixed, shapes as plain, tell

from celery import chain, chord, group, uuid
from celery.result import GroupResult
from kombu import Queue

# A queue object for the route: a name alone would be declared with different arguments.
OURS = Queue("celeriac.default", no_declare=True)
WAIT = {"timeout": 100, "interval": 0.05}


def deno(name, *args, **options):
    return app.signature("deno." + name, args=args, options=options)


def value(result):
    return result.get(**WAIT)


def failure(result):
    try:
        return ["no failure", result.get(follow_parents=False, **WAIT)]
    except Exception as error:  # noqa: BLE001
        return [type(error).__name__, str(error)]


def exception(result):
    try:
        return result.get(**WAIT)
    except Exception as error:  # noqa: BLE001
        return error


def states(result):
    """States of a chain, last first."""
    found = []
    while result is not None:
        found.append(result.state)
        result = result.parent
    return found


shapes = {}


def shape(function):
    shapes[function.__name__] = function
    return function


@shape
def chain_both_sides():
    result = chain(add.s(1, 1), deno("add", 2), add.s(3), deno("add", 4)).apply_async()
    return lambda: [value(result), states(result)]


@shape
def chain_immutable():
    result = chain(deno("add", 1, 1), app.signature("deno.add", args=(5, 5), immutable=True)).apply_async()
    return lambda: value(result)


@shape
def chain_partial_keywords():
    result = chain(add.s(1, 1), app.signature("deno.add", kwargs={"y": 40})).apply_async()
    return lambda: value(result)


@shape
def chain_fails_in_the_middle():
    result = chain(add.s(1, 1), deno("fail"), add.s(1), deno("add", 1)).apply_async()
    return lambda: [failure(result), states(result)]


@shape
def chain_fails_in_python():
    result = chain(deno("add", 1, 1), fail.s(), deno("add", 1)).apply_async()
    return lambda: [failure(result), states(result)]


@shape
def group_both_sides():
    result = group([add.s(i, i) if i % 2 else deno("add", i, i) for i in range(10)]).apply_async()
    result.save()
    return lambda: [value(result), value(GroupResult.restore(result.id, app=app))]


@shape
def chord_python_last():
    result = chord([deno("add", 1, 1), slow_add.s(2, 2)], deno("sum")).apply_async()
    return lambda: value(result)


@shape
def chord_ours_last():
    result = chord([add.s(1, 1), deno("slow_add", 2, 2)], xsum.s()).apply_async()
    return lambda: value(result)


@shape
def chord_of_200():
    result = chord([add.s(i, 1) if i % 4 == 0 else deno("add", i, 1) for i in range(200)], deno("sum")).apply_async()
    return lambda: value(result)


@shape
def chord_member_fails():
    result = chord([add.s(1, 1), deno("fail")], xsum.s()).apply_async()
    return lambda: failure(result)


@shape
def chord_python_member_fails():
    result = chord([fail.s(), deno("slow_add", 1, 1)], deno("sum")).apply_async()
    return lambda: failure(result)


@shape
def chord_empty_header():
    result = chord([], deno("sum")).apply_async()
    return lambda: value(result)


@shape
def chord_body_a_chain():
    body = chain(deno("sum"), add.s(10), deno("add", 100))
    result = chord([add.s(1, 1), deno("add", 2, 2)], body).apply_async()
    return lambda: value(result)


@shape
def chord_then_steps():
    result = chain(deno("add", 1, 1), group([deno("add", 1), add.s(2)]), deno("sum"), add.s(1000)).apply_async()
    return lambda: value(result)


@shape
def chord_nested():
    inner = chord([add.s(1, 1), deno("add", 2, 2)], deno("sum"))
    result = chord([inner, deno("add", 3, 3)], xsum.s()).apply_async()
    return lambda: value(result)


@shape
def chord_of_chains():
    members = [chain(add.s(1, 1), deno("add", 1)), chain(deno("add", 2, 2), add.s(1))]
    result = chord(members, deno("sum")).apply_async()
    return lambda: value(result)


@shape
def chord_opened_by_us():
    # Our worker runs the last step before the group: we open the chord, and both sides count it down.
    result = chain(deno("add", 1, 1), group([slow_add.s(1), deno("add", 2)]), xsum.s()).apply_async()
    return lambda: value(result)


@shape
def starmap():
    inner = app.signature("deno.add")
    result = app.signature("celery.starmap", kwargs={"task": inner, "it": [[1, 2], [3, 4]]}).apply_async(queue=OURS)
    return lambda: value(result)


@shape
def map():  # noqa: A001
    inner = app.signature("deno.sum")
    result = app.signature("celery.map", kwargs={"task": inner, "it": [[1, 2], [3, 4]]}).apply_async(queue=OURS)
    return lambda: value(result)


@shape
def chunks():
    parts = [
        app.signature("celery.starmap", kwargs={"task": app.signature("deno.add"), "it": part}).set(queue=OURS)
        for part in ([[0, 0], [1, 1]], [[2, 2]])
    ]
    result = chord(parts, echo.s()).apply_async()
    return lambda: value(result)


@shape
def link():
    result = deno("add", 1, 1).apply_async(link=[add.s(1), deno("add", 2)])
    return lambda: [value(result), sorted(value(child) for group in result.children for child in group)]


@shape
def link_error_in_python():
    errback = echo.s().set(task_id=uuid())
    result = deno("fail").apply_async(link_error=errback)
    told = app.AsyncResult(errback.options["task_id"])
    return lambda: [failure(result), value(told) == [[result.id], {}]]


@shape
def link_error_of_ours():
    errback = deno("note").set(task_id=uuid())
    result = fail.apply_async(link_error=errback)
    told = app.AsyncResult(errback.options["task_id"])
    return lambda: [failure(result), value(told) == result.id]


@shape
def replaced_in_chain():
    result = chain(add.s(1, 2), deno("swap", 10), add.s(1000)).apply_async()
    return lambda: value(result)


@shape
def replaced_in_chord():
    result = chord([deno("swap", 1, 2), add.s(1, 1), deno("swap", 10, 0)], deno("sum")).apply_async()
    return lambda: value(result)


@shape
def replaced_by_group():
    result = deno("fan", 1, 2).apply_async()
    again = chain(deno("fan", 1, 2), app.signature("deno.add", args=(1, 2), immutable=True)).apply_async()
    return lambda: [value(result), value(again)]


@shape
def several_arguments():
    result = deno("refuse").apply_async()
    return lambda: exception(result).args


@shape
def wrong_arguments():
    result = deno("add", 1, 2, 3).apply_async()
    return lambda: type(exception(result)).__name__


@shape
def no_attempt_left():
    result = deno("tired").apply_async()
    joined = join.delay(result.id)
    return lambda: [type(exception(result)).__name__, type(exception(joined)).__name__, joined.state]


@shape
def rows_of_both():
    ours = lambda *args: deno("add", *args)  # noqa: E731
    sides = {
        "python": {**plain(add.s), **mixed(add.s, xsum.s)},
        "ours": {**plain(ours), **mixed(ours, lambda: deno("sum"))},
    }
    running = {side: {name: one.apply_async() for name, one in all_.items()} for side, all_ in sides.items()}
    return lambda: {side: {name: tell(one) for name, one in all_.items()} for side, all_ in running.items()}


sent = {name: function() for name, function in shapes.items()}
print(json.dumps({name: outcome() for name, outcome in sent.items()}))
