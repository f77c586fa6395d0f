"""Lambda function behind the queue 'orders': one item a message."""

import json
import os

import boto3


def item_of(order):
    return {"id": str(order["order"]), "cents": order["cents"]}


def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    for record in event["Records"]:
        table.put_item(Item=item_of(json.loads(record["body"])))
