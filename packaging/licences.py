#!/usr/bin/env python3
"""Prints the licences of all that is linked into the program, as they ask for: each text once, with the crates that it came with.

licences.py BILL, where BILL is what sbom.sh wrote. Fails where a crate declares no licence."""

import collections
import json
import pathlib
import subprocess
import sys

NAMES = ("licen", "copying", "copyright", "notice", "unlicense")

metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--locked"]))
packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
bill = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))

texts = collections.defaultdict(list)
without = []
for component in sorted(bill["components"], key=lambda component: (component["name"], component["version"])):
    package = packages[component["name"], component["version"]]
    if package["source"] is None:
        continue
    crate = f"{package['name']} {package['version']}"
    declared = package["license"] or package["license_file"]
    if not declared:
        sys.exit(f"{crate} declares no licence")
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name.lower().startswith(NAMES)]
    if not files:
        without.append(f"{crate}: {declared}, by {', '.join(package['authors']) or 'the authors of ' + package['name']}")
    for file in files:
        texts[file.read_text(encoding="utf-8", errors="replace").strip()].append(f"{crate} ({file.name}): {declared}")

print("The licences of the crates that are linked into teable-attachments. Where a crate offers a choice, it is used under any of them.")
if without:
    print("\nThese carry no text of their own; those of the licences that they declare stand below.\n")
    print("\n".join(without))
for text, crates in sorted(texts.items(), key=lambda item: item[1]):
    print("\n" + "=" * 100)
    print("\n".join(crates))
    print("-" * 100 + "\n")
    print(text)
