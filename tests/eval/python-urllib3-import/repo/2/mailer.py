"""Lambda function behind the queue 'invoices'."""

import json
import os

import boto3
import requests

TIMEOUT_S = float(os.environ.get("RENDERER_TIMEOUT_S", "5"))


def render(invoice):
    answer = requests.post(os.environ["RENDERER"], json=invoice, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return answer.text


def handler(event, context):
    mail = boto3.client("ses")
    for record in event["Records"]:
        invoice = json.loads(record["body"])
        mail.send_email(
            Source=os.environ["SENDER"],
            Destination={"ToAddresses": [invoice["to"]]},
            Message={"Subject": {"Data": invoice["number"]}, "Body": {"Html": {"Data": render(invoice)}}},
        )
        print("sent", invoice["number"])
