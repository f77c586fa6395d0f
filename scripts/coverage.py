"""Prints how many lines of each folder the tests run, and fails below a share.

    coverage.py TARPAULIN-REPORT FOLDER=PERCENT...
"""

import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main() -> None:
    goals = {folder: float(percent) for folder, _, percent in (goal.partition("=") for goal in sys.argv[2:])}
    with open(sys.argv[1], encoding="utf-8") as file:
        files = json.load(file)["files"]
    lines: dict[str, tuple[int, int]] = {}
    for file in files:
        name = os.path.relpath(os.path.join("/", *file["path"]), ROOT)
        # Tests run themselves.
        if not name.startswith("src/") or "/tests" in name:
            continue
        parts = name.split("/")[:3]
        for folder in {"/".join(parts[:depth]) + "/" for depth in range(1, len(parts))} | {"/".join(parts)}:
            covered, all_of = lines.get(folder, (0, 0))
            lines[folder] = covered + file["covered"], all_of + file["coverable"]
    is_below = False
    for folder, (covered, all_of) in sorted(lines.items()):
        percent = 100 * covered / max(all_of, 1)
        goal = goals.get(folder)
        if all_of and (folder.endswith("/") or percent < 80):
            print(f"{folder:36} {covered:6} of {all_of:6} {percent:5.1f} %{f', goal {goal:.0f}' if goal else ''}")
        is_below |= goal is not None and percent < goal
    missing = goals.keys() - lines.keys()
    sys.exit(f"coverage: error: nothing was measured in {missing}" if missing else is_below)


if __name__ == "__main__":
    main()
