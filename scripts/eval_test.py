"""Tables of scores: what scripts/eval says of verdicts that are right, half right, silent and wrong."""

import unittest

import eval_score
from eval_incident import Incident
from eval_run import Outcome

TRUTH = {
    "kind": "code_bug", "code_to_blame": True, "statuses": ["confirmed", "likely"], "categories": ["code_error"],
    "says": [["voucher"], ["float", "Decimal"]], "place": [{"file": "app/writer.py", "lines": [18, 26]}],
    "redrive": ["after_fix"], "fix": ["app/writer.py"],
}  # fmt: skip
RIGHT = {
    "status": "likely", "category": "code_error", "title": "a voucher makes the price a float", "root_cause": None,
    "redrive": "after_fix", "evidence": [{"id": "app/writer.py:19", "claim": "it multiplies"}],
}  # fmt: skip


def scored(result: dict | None, truth: dict | None = None, report: str = "", patch: str = "", **end: object) -> dict:
    event = {"type": "investigation.completed", "data": end}
    outcome = Outcome([event], "", 1.0, result=result, report=report, patch=patch)
    return eval_score.score(Incident("x", "", {}, TRUTH | (truth or {})), outcome)


class ScoreTest(unittest.TestCase):
    def test_cause(self) -> None:
        rows = [
            ({}, "right"),
            ({"title": "it fails"}, "part"),
            ({"category": "dependency"}, "part"),
            ({"category": "dependency", "title": "it fails"}, "wrong"),
            ({"status": "inconclusive", "category": "unknown"}, "open"),
            ({"status": "not_a_bug", "category": "throttling", "title": "it fails"}, "wrong"),
        ]
        for change, expected in rows:
            self.assertEqual(scored(RIGHT | change)["cause"], expected, change)

    def test_nobody_can_know(self) -> None:
        truth = {"statuses": ["inconclusive"], "categories": ["unknown"], "says": [], "place": []}
        silent = {"status": "inconclusive", "category": "unknown", "title": "unknown"}
        score = scored(RIGHT | silent, truth)
        self.assertEqual((score["cause"], score["place"]), ("right", "-"))
        self.assertEqual(scored(RIGHT, truth)["cause"], "wrong")

    def test_place(self) -> None:
        rows = [
            ("app/writer.py:16-40", "right"),
            ("writer.py:26", "right"),
            ("app/writer.py:90", "part"),
            ("app/other.py:19", "wrong"),
            ("otherwriter.py:19", "wrong"),
            (".dlq/log-1.txt:19", "none"),
            ("m1", "none"),
        ]
        for cited, expected in rows:
            score = scored(RIGHT | {"evidence": [{"id": cited, "claim": "x"}]})
            self.assertEqual(score["place"], expected, cited)
        resource = {"place": [{"resource": "reader-role"}]}
        self.assertEqual(scored(RIGHT, resource)["place"], "wrong")
        self.assertEqual(scored(RIGHT | {"root_cause": "Reader-role may not"}, resource)["place"], "right")

    def test_place_of_the_triage(self) -> None:
        verdict = {"status": "likely", "category": "code_error"}
        report = "- Cause: `TypeError: x` (writer.py line 26)\n"
        self.assertEqual(scored(None, report=report, verdict=verdict)["place"], "right")
        self.assertEqual(scored(None, report="- Cause: `x`\n", verdict=verdict)["place"], "none")

    def test_redrive(self) -> None:
        rows = [
            ({}, "right"),
            ({"redrive": "safe"}, "wrong"),
            ({"redrive": "do_not"}, "wrong"),
            ({"redrive": "do_not", "status": "inconclusive"}, "open"),
            ({"redrive": None}, "open"),
        ]
        for change, expected in rows:
            self.assertEqual(scored(RIGHT | change)["redrive"], expected, change)

    def test_fix(self) -> None:
        change = "--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-x\n+y\n"
        tests = change.format("tests/check.py") + change.format("app/test_writer.py")
        rows = [
            (change.format("app/writer.py") + tests, {}, "right"),
            (change.format("app/retry.py"), {}, "false"),
            (change.format("app/retry.py"), {"fix": []}, "false"),
            (tests, {"fix": []}, "-"),
            ("", {}, "none"),
            ("", {"fix": []}, "-"),
        ]
        for patch, truth, expected in rows:
            self.assertEqual(scored(RIGHT, truth, patch=patch)["fix"], expected, patch)

    def test_denied_and_invented_bugs(self) -> None:
        self.assertTrue(scored(RIGHT | {"status": "not_a_bug"})["denies_bug"])
        self.assertFalse(scored(RIGHT)["denies_bug"])
        self.assertTrue(scored(RIGHT, {"code_to_blame": False})["says_bug"])
        self.assertFalse(scored(RIGHT)["says_bug"])

    def test_citations(self) -> None:
        report = "## Evidence\n\n- `m1`: a\n  - `the key does not exist`\n- `m9` (**does not exist**): b\n"
        report += "\n## Next\n\n- c\n"
        score = scored(RIGHT, report=report)
        self.assertEqual((score["cited"], score["resolved"]), (2, 1))


if __name__ == "__main__":
    unittest.main()
