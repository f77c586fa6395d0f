"""Sends the payouts of the night to the queue."""

import json
import sys

import boto3

queue = boto3.resource("sqs").get_queue_by_name(QueueName="payouts")
for payout in json.load(sys.stdin):
    queue.send_message(MessageBody=json.dumps(payout))
