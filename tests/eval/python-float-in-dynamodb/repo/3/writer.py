"""Lambda function behind the queue 'orders': one item a message."""

import json
import logging
import os

try:
    import boto3
except ImportError:  # tests run without it
    boto3 = None

from pricing import price

log = logging.getLogger()
log.setLevel(logging.INFO)


def item_of(order):
    return {"id": str(order["order"]), "cents": price(order)}


def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    for record in event["Records"]:
        item = item_of(json.loads(record["body"]))
        table.put_item(Item=item)
        log.info("stored order %s", item["id"])
