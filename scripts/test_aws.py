"""The steps of scripts/test-aws, with what they cost.

    test_aws.py ACCOUNT PROGRAMS FOLDER [clean]
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ACCOUNT, PROGRAMS, WORK = sys.argv[1:4]
PREFIX, TAG = "dlq-tools-test-", "dlq-tools-test"
# Seconds until AWS counts messages; its documentation says about a minute.
SETTLES = float(os.environ.get("DLQ_TEST_AWS_SETTLES", "180"))
# Seconds after which a queue is that of a run that was killed.
LEFT_BEHIND = 3600
# US dollars a request of a standard queue, without the first million of a month (us-east-1, 2026).
PRICE = 0.40 / 1_000_000
# The most requests of a program that does not report them, for three messages.
AT_MOST = {"dlq-peek": 20, "dlq-redrive": 60, "dlq-purge": 30}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
requests = {"this script": 0}


class Failed(Exception):
    """A step that failed, or a refusal with its status."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


def say(severity, message):
    print(f"test-aws: {severity}: {message}", file=sys.stderr)


def count(**_):
    requests["this script"] += 1


def client(name):
    made = boto3.client(name)
    made.meta.events.register("before-send", count)
    return made


def check_account():
    found = client("sts").get_caller_identity()["Account"]
    if found != ACCOUNT:
        raise Failed(f"the credentials are of account {found}, and not of {ACCOUNT}; nothing was changed", 2)


def ours(sqs):
    """The queues with prefix and tag: address, and when they were made."""
    found = []
    for page in sqs.get_paginator("list_queues").paginate(QueueNamePrefix=PREFIX, PaginationConfig={"PageSize": 1000}):
        for url in page.get("QueueUrls", []):
            try:
                made = sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).get(TAG)
            except ClientError:
                continue  # Just deleted: the list lags behind.
            if made is None:
                continue
            try:
                found.append((url, float(made)))
            except ValueError:
                say("warning", f"{url} is left: its tag {TAG} is '{made}', and not a time; this script did not make it")
    return found


def address(sqs, name):
    try:
        return sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return None


def delete(sqs, urls):
    left = []
    for url in urls:
        try:
            sqs.delete_queue(QueueUrl=url)
        except (BotoCoreError, ClientError) as error:
            left.append(f"{url} ({error})")
    if left:
        raise Failed(f"these queues are left; run --clean: {', '.join(left)}")


def make(sqs, made):
    """Makes both queues. Their names are noted before, so that an interruption leaves none."""
    name = f"{PREFIX}{secrets.token_hex(4)}"
    made += [f"{name}-dlq", name]
    tags = {TAG: str(int(time.time()))}
    dead = sqs.create_queue(QueueName=f"{name}-dlq", tags=tags)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    source = sqs.create_queue(QueueName=name, tags=tags, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "1"})
    return f"{name}-dlq", dead, source["QueueUrl"]


def depth(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def wait_for(what, condition, every=1):
    until = time.monotonic() + SETTLES
    while not condition():
        if time.monotonic() > until:
            raise Failed(f"waited {SETTLES:.0f} s in vain: {what}")
        time.sleep(every)


def run(name, *arguments):
    """Runs a program to its end, and returns its events."""
    command = [f"{PROGRAMS}/{name}", *arguments]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, check=False)
    except (OSError, UnicodeError) as error:
        raise Failed(f"cannot run {name}: {error}") from error
    if ran.returncode != 0:
        raise Failed(f"{name} ended with {ran.returncode}: {ran.stderr.strip()}")
    try:
        events = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    except ValueError as error:
        raise Failed(f"{name} printed a line that is no event: {error}") from error
    reported = [event["data"]["api_calls"] for event in events if event["type"] == "poll.finished"]
    requests[name] = requests.get(name, 0) + (sum(reported) if reported else AT_MOST.get(name, 0))
    return events


def has(events, kind):
    return any(event["type"] == kind for event in events)


def step(name):
    print(f"{name}: ok", flush=True)


def trial(sqs, made):
    name, dead, source = make(sqs, made)
    for number in range(3):
        body = json.dumps({"order": number, "error": "KeyError: 'items'"})
        sqs.send_message(QueueUrl=source, MessageBody=body)

    def die():
        sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=1)
        return depth(sqs, dead) == 3

    wait_for("three messages die", die)
    step("three messages died")

    def raised():
        return has(run("dlq-poll", "--queue", name), "queue.raised")

    wait_for("dlq-poll raises the queue", raised)
    step("dlq-poll raised the queue")
    if not has(run("dlq-peek", name), "queue.sampled"):
        raise Failed("dlq-peek sampled nothing")
    step("dlq-peek sampled it")
    wait_for("the messages are visible again", lambda: depth(sqs, dead) == 3)
    run("dlq-redrive", "apply", "--canary", "0", "--no-verify", name)
    wait_for("the messages are back", lambda: depth(sqs, source) == 3)
    step("dlq-redrive put the messages back")
    wait_for("the messages die again", die)
    run("dlq-purge", "--confirm", name, name)
    wait_for("the queue is empty", lambda: depth(sqs, dead) == 0)
    step("dlq-purge archived and deleted them")

    def cleared():
        return has(run("dlq-poll", "--queue", name), "queue.cleared")

    # It waits for a minute of rounds without a message.
    wait_for("dlq-poll clears the queue", cleared, every=10)
    step("dlq-poll cleared the queue")


def print_cost():
    total = sum(requests.values())
    parts = ", ".join(f"{name} {number}" for name, number in requests.items())
    print(f"at most {total} requests ({parts})")
    print(f"at most ${total * PRICE:.6f}, at $0.40 a million requests and without the free ones of the month")


def ignore_signals():
    for name in SIGNALS:
        signal.signal(name, signal.SIG_IGN)


def stop(number, _):
    # Once: what follows deletes the queues.
    ignore_signals()
    raise Failed("stopped", 128 + number)


def steps(made):
    """Deletes what earlier runs have left, and makes the trial; returns the exit status."""
    try:
        check_account()
        sqs = client("sqs")
        limit = time.time() - (0 if len(sys.argv) > 4 else LEFT_BEHIND)
        old = [url for url, at in ours(sqs) if at <= limit]
        delete(sqs, old)
        if old:
            print(f"deleted {len(old)} queues of earlier runs")
        if len(sys.argv) <= 4:
            trial(sqs, made)
    except Failed as error:
        say("error", error)
        return error.status
    except (BotoCoreError, ClientError, subprocess.TimeoutExpired) as error:
        say("error", error)
        return 1
    return 0


def clean_up(made):
    """Deletes the queues of this run; returns the exit status."""
    if not made:
        return 0
    try:
        sqs = client("sqs")
        urls = [url for url in (address(sqs, name) for name in made) if url]
        delete(sqs, urls)
        if urls:
            print(f"deleted {len(urls)} queues", flush=True)
    except Failed as error:
        say("error", error)
        return 1
    except (BotoCoreError, ClientError) as error:
        say("error", f"{error}; run --clean, later")
        return 1
    return 0


def main():
    for name in SIGNALS:
        signal.signal(name, stop)
    made, left = [], 0
    try:
        status = steps(made)
    finally:
        # Also after an error that nobody has thought of.
        ignore_signals()
        left = clean_up(made)
    if status != 2:
        print_cost()
    return status or left


if __name__ == "__main__":
    sys.exit(main())
