"""Evaluation of dlq-investigate on the incidents of tests/eval, for scripts/eval.

    eval.py --check [OPTION]...            checks the options and the incidents
    eval.py PROGRAMS WORK AWS [OPTION]...  runs them; WORK is a folder of its own, AWS that of the `aws` command
"""

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading

import eval_aws
import eval_incident
import eval_model
import eval_run
import eval_score

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
AGENTS = ("triage", "claude")
# Gives no verdict; checks that the evidence of the truth is in what an agent gets.
READER = "reader"


def options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="eval", add_help=False, allow_abbrev=False)
    parser.add_argument("--agent", required=True, choices=(*AGENTS, READER))
    parser.add_argument("--model", default="")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--incidents", default=os.path.join(ROOT, "tests/eval"))
    parser.add_argument("--json", default="")
    parser.add_argument("--keep", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--read-only", action="store_true")
    return parser.parse_args(words)


def fail(status: int, reason: str) -> None:
    print(f"eval: error: {reason}", file=sys.stderr)
    sys.exit(status)


def chosen(given: argparse.Namespace) -> list[eval_incident.Incident]:
    """Returns the incidents to run; ends the program where one is malformed or unknown."""
    names = sorted(
        name for name in os.listdir(given.incidents) if os.path.isdir(os.path.join(given.incidents, name))
    )  # fmt: skip
    for name in given.only:
        if name not in names:
            fail(2, f"no incident '{name}' in '{given.incidents}'")
    incidents = []
    for name in names:
        if not given.only or name in given.only:
            try:
                incidents.append(eval_incident.load(os.path.join(given.incidents, name)))
                with tempfile.TemporaryDirectory(prefix="eval-") as folder:
                    eval_incident.verify(incidents[-1], folder)
            except (OSError, eval_incident.Malformed, subprocess.CalledProcessError) as error:
                fail(2, f"{name}: {error}")
    return incidents


class Server:
    """An SQS server of this process; it ends with it."""

    def __enter__(self) -> eval_aws.Sqs:
        program = os.environ.get("DLQ_SQS_SERVER") or os.path.join(ROOT, "scripts/sqs-server")
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        url = self.child.stdout.readline().strip()
        if not url:
            raise RuntimeError("the SQS server did not start")
        return eval_aws.Sqs(url)

    def __exit__(self, *_error: object) -> None:
        self.child.stdin.close()
        self.child.wait()


def run_one(
    incident: eval_incident.Incident, settings: eval_run.Settings, sqs: eval_aws.Sqs, folder: str
) -> tuple[dict, eval_run.Outcome]:
    os.makedirs(folder)
    model = None
    if settings.agent == "claude" and not settings.key:
        model = eval_model.Model(incident)
        settings = eval_run.Settings(**(vars(settings) | {"base_url": model.url}))
    try:
        outcome = eval_run.run(incident, settings, sqs, folder)
    finally:
        if model:
            model.shutdown()
            model.server_close()
    return eval_score.score(incident, outcome), outcome


def run_all(
    incidents: list[eval_incident.Incident], settings: eval_run.Settings, work: str, jobs: int
) -> tuple[list[dict], list[str]]:
    """Runs the incidents, several at once, each job with an SQS server of its own."""
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for incident in incidents:
        waiting.put(incident)
    scores, failures = {}, []

    def work_off() -> None:
        try:
            with Server() as sqs:
                while True:
                    incident = waiting.get_nowait()
                    folder = os.path.join(work, incident.name)
                    try:
                        scores[incident.name], outcome = run_one(incident, settings, sqs, folder)
                    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
                        failures.append(f"{incident.name}: {error}")
                        continue
                    said = outcome.errors.rstrip()
                    print(f"eval: {incident.name}: {outcome.end['type']}" + f"\n{said}" * bool(said), file=sys.stderr)
                    if settings.agent == READER:
                        missing = eval_score.missing_evidence(incident, outcome)
                        failures.extend(f"{incident.name}: no agent can find {item}" for item in missing)
        except queue.Empty:
            pass
        except (OSError, RuntimeError) as error:
            failures.append(str(error))

    threads = [threading.Thread(target=work_off) for _ in range(max(1, min(jobs, len(incidents))))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [scores[one.name] for one in incidents if one.name in scores], failures


def agent_line(settings: eval_run.Settings) -> str:
    if settings.agent == "triage":
        return "agent: triage, built-in rules; no model is asked"
    if settings.key:
        return f"agent: claude, model {settings.model or 'of the default'}, asked for real"
    return (
        "agent: claude with a SCRIPTED MODEL, which knows the truth and cites what the tools show: no score of a "
        "model (set ANTHROPIC_API_KEY to ask one)"
    )


def main() -> None:
    if sys.argv[1:2] == ["--check"]:
        incidents = chosen(options(sys.argv[2:]))
        if not incidents:
            fail(2, "there is no incident")
        return
    programs, work, aws = sys.argv[1:4]
    given = options(sys.argv[4:])
    key = os.environ.get("ANTHROPIC_API_KEY", "") if given.agent == "claude" else ""
    settings = eval_run.Settings(
        programs=programs, aws=aws, agent=given.agent, claude=os.environ.get("DLQ_EVAL_CLAUDE", ""),
        model=given.model, key=key, read_only=given.read_only,
    )  # fmt: skip
    incidents = chosen(given)
    scores, failures = run_all(incidents, settings, given.keep or work, given.jobs)
    if given.agent != READER:
        print(agent_line(settings) + "\n")
        print(eval_score.table(scores))
    if given.json:
        with open(given.json, "w") as file:
            for one in scores:
                file.write(json.dumps({"agent": given.agent, "model": given.model or None, "scripted":
                                       given.agent == "claude" and not key} | one) + "\n")  # fmt: skip
    for failure in failures:
        print(f"eval: error: {failure}", file=sys.stderr)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
