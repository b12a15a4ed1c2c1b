"""Does what the steps of a stub say, to the letter."""

import pathlib
import re
import shutil
import sys


def insert(path, side, anchor, lines):
    file = pathlib.Path(path)
    there = file.read_text().splitlines()
    at = next(number for number, line in enumerate(there) if line.strip() == anchor)
    at += side == "below"
    file.write_text("\n".join(there[:at] + lines + there[at:]) + "\n")


def beside(path, other, text):
    file = pathlib.Path(path)
    whole, count = re.subn(rf"[\w:]*\b{other}\b(?=,)", lambda found: text.strip() + " " + found[0], file.read_text(), count=1)
    assert count == 1, f"{other} is not mounted in {path}"
    file.write_text(whole)


def paste(steps):
    assert "Write by hand" not in steps, steps
    paragraphs = steps.split("\n\nIn ")
    module = re.search(r"^Copy (.*)\n  to (.*)$", paragraphs[0], re.M)
    shutil.copy(module[1], module[2])
    for paragraph in paragraphs[1:]:
        paragraph = paragraph.split("\n\nThen run ")[0]
        head, text = paragraph.split(", add\n", 1)
        lines = [line.removeprefix("    ") for line in text.split("\n")]
        if found := re.fullmatch(r"(.*), (above|below) the line `(.*)`", head):
            insert(found[1], found[2], found[3], lines)
        else:
            found = re.fullmatch(r"(.*), in front of the handler `(.*)`", head)
            beside(found[1], found[2], text)


for steps in sys.argv[1:]:
    paste(pathlib.Path(steps).read_text())
