"""Lambda function that S3 invokes for each scanned receipt: files it by the month in its key."""

import os
import urllib.parse

import boto3


def target(key):
    shop, day, name = key.split("/")
    return f"{shop}/{day[:7]}/{name}"


def handler(event, context):
    s3 = boto3.client("s3")
    for record in event["Records"]:
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        source = {"Bucket": record["s3"]["bucket"]["name"], "Key": key}
        s3.copy_object(Bucket=os.environ["ARCHIVE"], Key=target(key), CopySource=source)
