from celery import shared_task


@shared_task
def total(prices):
    """Still runs in a Python worker."""
    return sum(prices)


@shared_task
def shipping(weight, country):
    """Runs in Celeriac: celeriac/handlers.ts. Its callers do not change."""
    raise NotImplementedError("its messages go to Celeriac: see CELERY_TASK_ROUTES")
