"""Lambda function behind the queue 'avatars': a square picture for each profile."""

import io
import os

import boto3
from PIL import Image

SIDE = 256


def square(data):
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))


def handler(event, context):
    s3 = boto3.client("s3")
    for record in event["Records"]:
        key = record["body"]
        data = s3.get_object(Bucket=os.environ["UPLOADS"], Key=key)["Body"].read()
        out = io.BytesIO()
        square(data).save(out, "JPEG")
        s3.put_object(Bucket=os.environ["AVATARS"], Key=key, Body=out.getvalue())
        print("made", key)
