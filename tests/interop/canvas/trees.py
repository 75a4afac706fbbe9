"""Runs workflows on a Python worker and on ours, and prints the tasks' rows and Celery's client results."""

from celery import chain, group
from celery.result import GroupResult
from django_celery_results.models import TaskResult
from json import loads

WAIT = {"timeout": 100, "interval": 0.05}


def shapes(add):
    """Workflows of `add(x, y)` tasks."""
    one = add(1, 1)
    linked = add(1, 1)
    linked.link(add(1))
    both = add(1, 1)
    both.link(add(1))
    both.link(add(2))
    chained = add(1, 1)
    chained.link(chain(add(1), add(2), add(3)))
    return {
        "one": one,
        "chain": chain(add(1, 1), add(2), add(3), add(4)),
        "chain_to_group": chain(add(1, 1), add(2), group(add(3), add(4))),
        "chain_to_chains": chain(add(1, 1), group(chain(add(2), add(3)), add(4))),
        "link": linked,
        "two_links": both,
        "link_to_chain": chained,
    }


def mixed(add, total):
    """Workflows with a chord."""
    return {
        "chain_to_chord": chain(add(1, 1), group(add(2), add(3)), total()),
        "chain_through_chord": chain(add(1, 1), group(add(2), add(3)), total(), add(9)),
    }


def first(result):
    while result.parent is not None:
        result = result.parent
    return result


def row(result):
    return TaskResult.objects.filter(task_id=result.id).first()


def children(result):
    """The row, with each task replaced by its value and each group by its members' values."""
    return shown(loads(row(result).meta)["children"], result.app)


def shown(tuples, app):
    return [
        {"group": shown(members, app)} if members is not None else app.AsyncResult(task).get(**WAIT)
        for (task, _), members in tuples
    ]


def nodes(result, found):
    """Every task reachable through `children`, in order."""
    found.append(result)
    result.get(**WAIT)
    for child in result.children or []:
        for member in child.results if isinstance(child, GroupResult) else [child]:
            nodes(member, found)
    return found


def tell(result):
    start = first(result)
    result.get(**WAIT)
    if isinstance(start, GroupResult):
        start = start.results[0]
    tasks = nodes(start, [])
    return {
        "children": [children(task) for task in tasks],
        "collect": [value for _, value in start.collect()],
        "graph": sorted(
            [len(list(edges)) for _, edges in start.build_graph(intermediate=True).items()]
        ),
        "columns": [columns(task) for task in tasks],
    }


def columns(task):
    """A row without the columns that differ for every task."""
    kept = ("status", "content_type", "content_encoding", "result", "traceback", "periodic_task_name")
    return {key: getattr(row(task), key) for key in kept} | {"meta": sorted(set(loads(row(task).meta)) - {"celeriac"})}
