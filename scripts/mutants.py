"""Prints the mutants that the tests did not catch, and fails when too few are caught.

    mutants.py MUTANTS-OUT PERCENT

The folder is that of cargo-mutants, whose earlier runs are counted as well.
"""

import os
import sys

FOLDER, GOAL = sys.argv[1], float(sys.argv[2])


def lines(name: str) -> set[str]:
    path = os.path.join(FOLDER, name)
    if not os.path.exists(path):
        return set()
    with open(path, encoding="utf-8") as file:
        return {line.strip() for line in file if line.strip()}


def main() -> None:
    # Those that did not build are in the same list as those that were caught earlier.
    unviable = lines("unviable.txt")
    caught = lines("caught.txt") | lines("timeout.txt") | lines("previously_caught.txt") - unviable
    missed = lines("missed.txt")
    for mutant in sorted(missed):
        print(f"missed: {mutant}")
    tried = len(caught) + len(missed)
    if not tried:
        sys.exit("mutants: error: none was tried")
    percent = 100 * len(caught) / tried
    print(f"{len(caught)} of {tried} mutants are caught, {percent:.0f} %, goal {GOAL:.0f} %; {len(unviable)} did not build")
    sys.exit(percent < GOAL)


if __name__ == "__main__":
    main()
