#!/usr/bin/env python3
"""Licences of the crates that are linked into the programs, from the output of `cargo metadata`.

Reads the metadata on standard input, and prints the name, version and licence of each crate that a
normal dependency of the package reaches, and the texts of its licence files; equal texts once.

Promises: the output depends on the versions alone. A crate without a licence file is named with what its
manifest says. Never: asks the network.
"""

import glob
import json
import os
import sys


def linked(metadata):
    """The ids of the packages that the root reaches by normal dependencies, procedural macros too."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    found, queue = set(), [root]
    while queue:
        for dep in nodes[queue.pop()]["deps"]:
            if dep["pkg"] not in found and any(kind["kind"] is None for kind in dep["dep_kinds"]):
                found.add(dep["pkg"])
                queue.append(dep["pkg"])
    return found - {root}


def texts(folder):
    """The contents of the licence files of a crate, in order of their names."""
    names = ("LICEN[CS]E*", "COPYING*", "COPYRIGHT*", "NOTICE*", "UNLICENSE*")
    paths = sorted({path for name in names for path in glob.glob(os.path.join(glob.escape(folder), name))})
    for path in filter(os.path.isfile, paths):
        with open(path, encoding="utf-8", errors="replace") as file:
            yield file.read().strip() + "\n"


def main():
    metadata = json.load(sys.stdin)
    wanted = linked(metadata)
    crates = [package for package in metadata["packages"] if package["id"] in wanted]
    crates.sort(key=lambda package: (package["name"], package["version"]))
    holders = {}
    print("The programs contain these crates:\n")
    for crate in crates:
        title = f"{crate['name']} {crate['version']}"
        print(f"  {title}: {crate['license'] or 'see below'}")
        for text in texts(os.path.dirname(crate["manifest_path"])):
            holders.setdefault(text, []).append(title)
    for text, titles in holders.items():
        print(f"\n{'=' * 78}\n{', '.join(titles)}:\n\n{text}", end="")


if __name__ == "__main__":
    main()
