"""A shop's queues, and a consumer with a bug that produces dead letters.

    demo_consumer.py ADDRESS LOG SHOP           makes the queues, and works off what is in them
    demo_consumer.py ADDRESS LOG SHOP QUEUE     consumes one queue until its parent process ends

Creates 12 queues (5 with a dead-letter queue, 5 dead-letter queues, 2 without), sends orders, and
processes them. An order without a field that the code expects fails every time; after
maxReceiveCount attempts SQS itself moves it. Other services put undeliverable messages directly into
a dead-letter queue, with the reason in attributes: two queues get such messages. The consumer writes
its log to the file LOG, and runs the code of the folder SHOP. Returns when every dead letter is counted.
"""

import json
import logging
import os
import sys
import time

import boto3

# queue, dead-letter queue, number of good orders, number of poison orders
QUEUES = [
    ("orders", "orders-dlq", 5, 13),
    ("payments", "payments-parking-lot", 4, 2),
    ("invoices.fifo", "invoices-dlq.fifo", 2, 1),
    ("emails", "emails-dlq", 3, 0),
    ("stock", "stock-dlq", 3, 0),
    ("audit", None, 1, 0),
    ("clicks", None, 1, 0),
]
# messages of other services in dead-letter queues: queue, service, number, attributes
LEFT = [
    ("emails-dlq", "Lambda", 3, {
        "RequestID": "0c1a5d0e-6a5c-4a4e-9d2a-0d6f3b1c2e{n:02}",
        "ErrorCode": "429",
        "ErrorMessage": "Rate Exceeded.",
    }),
    ("stock-dlq", "EventBridge", 2, {
        "RULE_ARN": "arn:aws:events:us-east-1:000000000000:rule/stock-changed",
        "TARGET_ARN": "arn:aws:lambda:us-east-1:000000000000:function:restock",
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "User is not authorized to perform: lambda:InvokeFunction",
    }),
]
LIMIT_S = 60
COUNTS = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]

sys.path.insert(0, sys.argv[3])
sys.dont_write_bytecode = True
from shop import total  # noqa: E402  # its code is that of the folder

sqs = boto3.client("sqs", endpoint_url=sys.argv[1])
log = logging.getLogger("consumer")
log.addHandler(logging.FileHandler(sys.argv[2]))
log.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))


def create(name: str, **attributes: str) -> str:
    if name.endswith(".fifo"):
        attributes.update(FifoQueue="true", ContentBasedDeduplication="true")
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def depth(url: str) -> int:
    """Returns the sum of all three counts: a message in flight is still in the queue."""
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)["Attributes"]
    return sum(int(answer[name]) for name in COUNTS)


def send(url: str, good: int, poison: int) -> None:
    for number in range(good + poison):
        order = {"order": 1000 + number, "items": [{"sku": "A-17", "quantity": 2, "price": 9.5}]}
        if number < poison:
            del order["items"]
        # A failing message blocks its group in a FIFO queue: use one group for each order.
        group = {"MessageGroupId": str(number)} if url.endswith(".fifo") else {}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(order), **group)


def receive(url: str) -> tuple[int, int]:
    """Handles some messages; a failed one is not deleted, and comes again."""
    done = failed = 0
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        try:
            total(json.loads(message["Body"]))
        except KeyError:
            failed += 1
            log.exception("message %s failed", message["MessageId"])
            # Return it at once rather than after the visibility timeout.
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        else:
            done += 1
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return done, failed


def work_off(url: str) -> tuple[int, int]:
    done = failed = 0
    deadline = time.monotonic() + LIMIT_S
    while depth(url) > 0:
        if time.monotonic() > deadline:
            sys.exit(f"demo: error: '{url}' is not worked off after {LIMIT_S} s")
        more = receive(url)
        done, failed = done + more[0], failed + more[1]
    return done, failed


def serve(name: str) -> None:
    url, parent = sqs.get_queue_url(QueueName=name)["QueueUrl"], os.getppid()
    while os.getppid() == parent:
        if receive(url) == (0, 0):
            time.sleep(0.05)


def leave(url: str, count: int, attributes: dict[str, str]) -> None:
    """Puts messages there as a service does that could not deliver them."""
    for number in range(count):
        said = {
            name: {"DataType": "String", "StringValue": text.replace("{n:02}", f"{number:02}")}
            for name, text in attributes.items()
        }
        body = json.dumps({"to": f"customer-{number}", "template": "receipt"})
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=said)


def main() -> None:
    expected = []
    for name, dead, good, poison in QUEUES:
        attributes = {"VisibilityTimeout": "2"}
        if dead:
            dead_url = create(dead)
            arn = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])
            policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 2}
            attributes["RedrivePolicy"] = json.dumps(policy)
            expected.append((dead, dead_url, poison))
        url = create(name, **attributes)
        send(url, good, poison)
        done, failed = work_off(url)
        print(f"{name:14} orders done: {done}, failed attempts: {failed}", flush=True)

    urls = {dead: url for dead, url, _ in expected}
    for dead, who, count, attributes in LEFT:
        leave(urls[dead], count, attributes)
        print(f"{dead:14} {who} puts what it could not deliver there: {count}")
    left = {dead: count for dead, _, count, _ in LEFT}
    expected = [(dead, url, poison + left.get(dead, 0)) for dead, url, poison in expected]

    deadline = time.monotonic() + LIMIT_S
    while any(depth(url) != poison for _, url, poison in expected):
        if time.monotonic() > deadline:
            sys.exit(f"demo: error: the dead letters did not settle within {LIMIT_S} s")
        time.sleep(0.1)
    print()
    for dead, _, poison in expected:
        print(f"{dead:22} dead letters: {poison}")


if len(sys.argv) > 4:
    serve(sys.argv[4])
else:
    main()
