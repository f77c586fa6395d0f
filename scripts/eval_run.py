"""One incident of tests/eval through the real programs, for scripts/eval: dlq-poll | dlq-investigate.

Promises: everything stands in the folder that is given; no credential of the user but the model's key
reaches a program. Never: asks an address beyond loopback but the model's API, and that only with a key.
"""

import glob
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass

import eval_aws
import eval_incident
from eval_incident import Incident

# The first failure lies so far back that no log is still on its way.
AGE_S = 3600
ENDED = (
    "investigation.completed", "investigation.failed", "investigation.timed_out", "investigation.stopped",
    "investigation.skipped",
)  # fmt: skip
# Stands in for Claude Code and gives no verdict: it keeps what an agent gets.
READER = """#!/bin/sh
case $1 in
    --version) echo '2.1.330 (Claude Code)'; exit ;;
    --help) echo '--restricted --permission-prompts --json-schema --max-budget-usd'; exit ;;
esac
cat >'{kept}.prompt'
cp -R . '{kept}'
exit 1
"""


@dataclass
class Settings:
    """What holds for all incidents of a run."""

    programs: str
    # Folder of the `aws` command.
    aws: str
    # `triage`, `claude` or `reader`.
    agent: str
    claude: str = ""
    model: str = ""
    key: str = ""
    base_url: str = ""
    read_only: bool = False
    timeout_minutes: float = 15


@dataclass
class Outcome:
    """What the programs said about an incident."""

    events: list[dict]
    errors: str
    seconds: float
    # Verdict in full, where a model gave one.
    result: dict | None = None
    report: str = ""
    patch: str = ""
    # What the agent got, for `reader`.
    workspace: str = ""

    @property
    def end(self) -> dict:
        found = [event for event in self.events if event["type"] in ENDED]
        return found[-1] if found else {"type": "none", "data": {}}

    @property
    def is_settled(self) -> bool:
        """Whether no agent was asked, because the triage concludes that the code is not to blame."""
        return self.end["data"].get("reason") == "not_a_code_bug"

    @property
    def verdict(self) -> dict:
        if self.is_settled:
            kind = re.search(r"^- Category: (\w+);", self.report, flags=re.M)
            advice = re.search(r"^- Redrive: (\w+)$", self.report, flags=re.M)
            return {"status": "not_a_bug", "category": kind and kind[1], "redrive": advice and advice[1]}
        return (self.result or {}) | (self.end["data"].get("verdict") or {})


def configuration(incident: Incident, settings: Settings, folder: str, url: str) -> str:
    """Returns the configuration as JSON, which is YAML."""
    facts, consumer = incident.facts, incident.facts["consumer"] or {}
    rule: dict = {"match": "*"}
    if facts["repository"] is not None:
        rule |= {"repo": os.path.join(folder, "repo"), "base": "main"}
        if settings.agent == "claude" and not settings.read_only:
            rule["fix"] = True
            if facts["repository"].get("test"):
                rule["test_command"] = facts["repository"]["test"]
    if "log_group" in consumer:
        rule["logs"] = {"log_group": consumer["log_group"]}
    if "command" in consumer:
        rule["evidence"] = [["cat", os.path.join(folder, "consumer.log")]]
    investigation = {
        "enabled": True, "target_queues": ["*"], "timeout_minutes": settings.timeout_minutes, "queues": [rule],
        "agent": "triage" if settings.agent == "triage" else "claude",
    }  # fmt: skip
    if settings.agent != "triage":
        investigation["auth"] = {"env": "MODEL_KEY"}
    if settings.agent == "reader":
        investigation["sandbox"] = "off"
    if settings.model:
        investigation["model"] = settings.model
    if settings.base_url:
        investigation["base_url"] = settings.base_url
    return json.dumps({
        "aws": {"region": "us-east-1", "endpoint_url": url},
        "monitoring": {"match": [facts["dlq"]]},
        "evidence": {"max_messages": 30},
        "auto_investigation": investigation,
    }, indent=1)  # fmt: skip


def environment(settings: Settings, folder: str) -> dict[str, str]:
    system = os.environ.get("PATH", "/usr/bin:/bin")
    return {
        "PATH": os.pathsep.join([os.path.join(folder, "bin"), settings.programs, system]),
        "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "TZ": "UTC",
        "DLQ_STATE_DIR": os.path.join(folder, "state"), "DLQ_CONFIG": os.path.join(folder, "config.yaml"),
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "127.0.0.1,localhost",
        "MODEL_KEY": settings.key or "sk-ant-api03-of-no-model",
    }  # fmt: skip


def prepare(incident: Incident, settings: Settings, folder: str, first: float, ids: list[str]) -> None:
    os.mkdir(os.path.join(folder, "bin"))
    os.symlink(os.path.join(settings.aws, "aws"), os.path.join(folder, "bin", "aws"))
    if settings.agent == "claude":
        os.symlink(settings.claude, os.path.join(folder, "bin", "claude"))
    if settings.agent == "reader":
        path = os.path.join(folder, "bin", "claude")
        with open(path, "w") as file:
            file.write(READER.format(kept=os.path.join(folder, "workspace")))
        os.chmod(path, 0o700)
    if incident.facts["repository"] is not None:
        eval_incident.build_repository(incident, os.path.join(folder, "repo"), first)
    if "command" in (incident.facts["consumer"] or {}):
        with open(os.path.join(folder, "consumer.log"), "w") as file:
            file.writelines(text + "\n" for _, _, text in eval_incident.log_lines(incident, first, ids))


def read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def run(incident: Incident, settings: Settings, sqs: eval_aws.Sqs, folder: str) -> Outcome:
    """Runs the pipeline once and collects what it left."""
    first = (time.time() - AGE_S) // 60 * 60
    ids = eval_aws.send(sqs, incident)
    front = eval_aws.Front(sqs, incident, ids, first)
    try:
        prepare(incident, settings, folder, first, ids)
        with open(os.path.join(folder, "config.yaml"), "w") as file:
            file.write(configuration(incident, settings, folder, front.url))
        begun = time.monotonic()
        ran = subprocess.run(
            ["sh", "-c", "dlq-poll | dlq-investigate"], env=environment(settings, folder), cwd=folder,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=settings.timeout_minutes * 60 + 120,
        )  # fmt: skip
        taken = time.monotonic() - begun
    finally:
        front.shutdown()
        front.server_close()
        eval_aws.remove(sqs)
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    outcome = Outcome(events, ran.stderr.decode(errors="replace"), taken)
    collect(outcome, folder)
    return outcome


def collect(outcome: Outcome, folder: str) -> None:
    for session in glob.glob(os.path.join(folder, "state/sessions/*/")):
        outcome.report = read(os.path.join(session, "report.md"))
        outcome.patch = read(os.path.join(session, "patch.diff"))
        if text := read(os.path.join(session, "result.json")):
            outcome.result = json.loads(text)
    outcome.workspace = os.path.join(folder, "workspace")
