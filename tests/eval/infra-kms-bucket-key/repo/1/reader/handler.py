"""Reads the barcodes of an uploaded scan."""

import json
from urllib.parse import unquote_plus

import boto3

from barcodes import read_barcodes

s3 = boto3.client("s3")


def handler(event, context):
    for message in event["Records"]:
        for record in json.loads(message["body"]).get("Records", []):
            bucket = record["s3"]["bucket"]["name"]
            key = unquote_plus(record["s3"]["object"]["key"])
            scan = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            print(f"{key}: {len(read_barcodes(scan))} barcodes")
