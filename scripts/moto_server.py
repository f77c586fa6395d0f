"""A shop's queue on a stand-in for AWS, with dead letters and the log of the function that failed.

    moto_server.py

Serves SQS, Lambda and CloudWatch Logs (moto) on a free loopback port. The queue 'orders' invokes
the function 'orders', which has failed on three orders: they are in 'orders-dlq', and the log group
/aws/lambda/orders names them. Prints one line of JSON: the address and the ids of the messages. Ends
when its standard input closes.
"""

import io
import json
import os
import sys
import time
import uuid
import zipfile

os.environ["MOTO_ACCOUNT_ID"] = "000000000000"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

GROUP = "/aws/lambda/orders"
STREAM = "2026/11/28/[$LATEST]0a1b2c3d4e5f60718293a4b5c6d7e8f9"
SECRET = "AKIAIOSFODNN7EXAMPLE"

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
address = f"http://{host}:{port}"
scope = {
    "endpoint_url": address,
    "region_name": "us-east-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
sqs, logs = boto3.client("sqs", **scope), boto3.client("logs", **scope)


def create_function() -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = boto3.client("iam", **scope).create_role(RoleName="r", AssumeRolePolicyDocument=policy)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): pass")
    function = boto3.client("lambda", **scope)
    function.create_function(
        FunctionName="orders", Runtime="python3.12", Handler="index.handler", Timeout=6,
        Role=role["Role"]["Arn"], Code={"ZipFile": code.getvalue()},
    )
    function.create_event_source_mapping(
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:orders", FunctionName="orders"
    )


def dead_letters() -> list[str]:
    """Sends three orders, and receives them without success until SQS moves them."""
    dlq = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
    target = "arn:aws:sqs:us-east-1:000000000000:orders-dlq"
    policy = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": 2})
    queue = sqs.create_queue(
        QueueName="orders", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "30"}
    )["QueueUrl"]
    bodies = [json.dumps({"order": 1000 + number}) for number in range(3)]
    ids = [sqs.send_message(QueueUrl=queue, MessageBody=body)["MessageId"] for body in bodies]
    count = "ApproximateNumberOfMessages"
    while True:
        sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0, MaxNumberOfMessages=10)
        answer = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=[count])
        if int(answer["Attributes"][count]) == len(ids):
            return ids


def write_log(ids: list[str]) -> None:
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    request, lines = str(uuid.uuid4()), []
    for message in ids:
        request = str(uuid.uuid4())
        stamp = f"2026-11-28T10:00:00.000Z\t{request}"
        lines += [
            f"START RequestId: {request} Version: $LATEST",
            f"[INFO]\t{stamp}\tprocessing message {message} password={SECRET}",
            f"[ERROR] KeyError: 'customer_id'\nTraceback (most recent call last):\n\u00a0\u00a0File "
            f"\"/var/task/worker.py\", line 12, in charge\n\u00a0\u00a0\u00a0\u00a0key = '{SECRET}'",
            f"END RequestId: {request}",
            f"REPORT RequestId: {request}\tDuration: 12.31 ms\tMax Memory Used: 38 MB",
        ]
    now = int(time.time() * 1000)
    events = [{"timestamp": now + at, "message": line} for at, line in enumerate(lines)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)


dead = dead_letters()
create_function()
write_log(dead)
print(json.dumps({"url": address, "ids": dead, "secret": SECRET}), flush=True)
sys.stdin.read()
server.stop()
