"""Reads the queue until the task is stopped."""

import json
import logging

from billing.subscriptions import from_event

log = logging.getLogger("billing")


def handle(message, table):
    event = json.loads(message["Body"])
    if event["type"].startswith("customer.subscription."):
        subscription = from_event(event)
        table.put(subscription)
        log.info("%s: subscription %s until %s", message["MessageId"], subscription.id, subscription.paid_until)


def run(queue, table):
    for message in queue:
        try:
            handle(message, table)
            queue.delete(message)
        except Exception:
            log.exception("%s: cannot handle the event", message["MessageId"])
