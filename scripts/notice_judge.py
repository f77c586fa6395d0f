"""Judges bodies of notices by the libraries of their services; scripts/notice-judge runs it.

Reads a JSON object a line and prints a line for each: 'ok', or what the library says.
"""

import json
import sys

from slack_sdk.models.blocks import Block
from standardwebhooks.webhooks import Webhook


def judge_slack(case):
    for given in case["body"]["blocks"]:
        block = Block.parse(given)
        if block is None or type(block) is Block:
            raise ValueError(f"unknown block {given.get('type')!r}")
        block.validate_json()
        if block.to_dict() != given:
            raise ValueError(f"read as {block.to_dict()!r}")


def judge_webhook(case):
    Webhook(case["secret"]).verify(case["text"], case["headers"])


JUDGES = {"slack": judge_slack, "webhook": judge_webhook}

for line in sys.stdin:
    case = json.loads(line)
    try:
        JUDGES[case["service"]](case)
        print("ok", flush=True)
    except Exception as error:  # Each library has its own.
        print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
