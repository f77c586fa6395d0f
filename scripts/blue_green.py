"""The rounds of scripts/blue-green, and what is counted after them.

    blue_green.py FOLDER SQS-URL OLD-PROGRAMS NEW-PROGRAMS ROUNDS
"""

import collections
import json
import os
import subprocess
import sys
import time

import boto3

WORK, URL, OLD, NEW, ROUNDS = *sys.argv[1:5], int(sys.argv[5])
PIPELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pipeline")
CONFIG = f"""
aws: {{region: us-east-1, endpoint_url: "{URL}"}}
evidence: {{logs: off}}
auto_investigation: {{enabled: true, target_queues: ["*"], agent: triage, max_concurrent: 4}}
notifications:
  channels: {{file: {{type: exec, command: [{WORK}/tell]}}}}
  routes: [{{type: [queue.raised], channels: [file], group_wait: 0s}}]
"""
TELL = f"""#!/bin/sh
printf '%s %s\\n' "$DLQ_NOTICE_ID" "$DLQ_NOTICE_SUBJECT" >>{WORK}/told
"""
# Seconds that a round, or the end of the investigations, may take.
DEADLINE = 300


def write(name, text, mode=0o600):
    path = os.path.join(WORK, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def start(programs, environment):
    command = [PIPELINE, "--once", "--", "--refresh"]
    return subprocess.Popen(command, env=environment | {"DLQ_BIN": programs}, stderr=subprocess.PIPE, text=True)


def sessions(environment):
    status = subprocess.run([f"{NEW}/dlq-status", "--json"], env=environment, capture_output=True, check=True)
    return json.loads(status.stdout)["sessions"]


def journal(environment):
    log = subprocess.run([f"{NEW}/dlq-log"], env=environment, capture_output=True, check=True)
    return [json.loads(line) for line in log.stdout.splitlines()]


def not_once(counts, names):
    """The names that were counted never or more than once."""
    return {name: counts[name] for name in {*names, *counts} if counts[name] != 1}


def main():
    environment = os.environ | {"DLQ_STATE_DIR": f"{WORK}/state", "DLQ_CONFIG": write("config.yaml", CONFIG)}
    write("tell", TELL, 0o700)
    sqs = boto3.client("sqs", region_name="us-east-1", endpoint_url=URL)
    failures = []
    for number in range(ROUNDS):
        queue = sqs.create_queue(QueueName=f"shop-{number}-dlq")["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"error": f"KeyError: 'item-{number}'"}))
        # The one that starts first has a lead of some milliseconds.
        order = [OLD, NEW] if number % 2 else [NEW, OLD]
        for process in [start(programs, environment) for programs in order]:
            errors = process.communicate(timeout=DEADLINE)[1]
            if process.returncode != 0:
                failures.append((number, process.args, process.returncode, errors))
    until = time.monotonic() + DEADLINE
    while any(session["status"] == "running" for session in sessions(environment)) and time.monotonic() < until:
        time.sleep(0.2)
    # The events of the last investigations, and notices that waited.
    start(NEW, environment).communicate(timeout=DEADLINE)

    names = [f"shop-{number}-dlq" for number in range(ROUNDS)]
    events = journal(environment)
    of_type = lambda kind: collections.Counter(event["subject"] for event in events if event["type"] == kind)
    with open(f"{WORK}/told", encoding="utf-8") as file:
        told = [line.split() for line in file]
    found = {
        "raised": not_once(of_type("queue.raised"), names),
        "investigations started": not_once(of_type("investigation.started"), names),
        "notices by id": not_once(collections.Counter(line[0] for line in told), []),
        "notices by queue": not_once(collections.Counter(line[-1] for line in told), names),
    }
    for number, command, status, errors in failures[:5]:
        print(f"round {number}: {command} ended with {status}: {errors}", file=sys.stderr)
    for what, wrong in found.items():
        print(f"{what}: {'each once' if not wrong else wrong}")
    print(f"{ROUNDS} rounds, {2 * ROUNDS - len(failures)} of {2 * ROUNDS} pipelines ended with 0")
    sys.exit(bool(failures or any(found.values())))


if __name__ == "__main__":
    main()
