"""What runs of Schemathesis covered: python schemathesis_report.py DOCUMENT EVENTS.ndjson…

Fails unless each operation of the document succeeded at least once, and each of its links was followed.
"""

import collections
import json
import sys
from typing import Any

METHODS = {"get", "head", "post", "put", "patch", "delete", "options", "trace"}

document: dict[str, Any] = json.load(open(sys.argv[1], encoding="utf-8"))
answers: dict[str, collections.Counter[int]] = {
    f"{method.upper()} {path}": collections.Counter()
    for path, item in document["paths"].items()
    for method in item.keys() & METHODS
}
undocumented: collections.Counter[int] = collections.Counter()
followed: collections.Counter[str] = collections.Counter()
for name in sys.argv[2:]:
    for line in open(name, encoding="utf-8"):
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for identity, case in recorder.get("cases", {}).items():
            value = case["value"]
            response = (recorder.get("interactions", {}).get(identity) or {}).get("response")
            if response:
                counter = answers.get(f"{value['method']} {value['path']}", undocumented)
                counter[response["status_code"]] += 1
            transition = case.get("transition")
            if transition and case.get("is_transition_applied"):
                followed[transition["id"]] += 1


def links(value: Any) -> set[str]:
    """The names of all links in a part of the document."""
    if isinstance(value, list):
        return set().union(*map(links, value))
    if not isinstance(value, dict):
        return set()
    own = value.get("links")
    named = set(own) if isinstance(own, dict) else set()
    return named.union(*map(links, value.values()))


def told(counter: collections.Counter[int]) -> str:
    return ", ".join(f"{status} × {count}" for status, count in sorted(counter.items()))


for operation, counter in answers.items():
    print(f"{operation:45} {counter.total():6} cases: {told(counter)}")
print(f"{'other methods':45} {undocumented.total():6} cases: {told(undocumented)}")
for link, count in sorted(followed.items()):
    print(f"  link followed {count:4} times: {link}")

# A redirect is how an operation that only redirects succeeds.
lacking = [operation for operation, counter in answers.items() if not any(200 <= status < 400 for status in counter)]
# `POST /one -> [201] name -> GET /other`
names = {link.split("] ")[1].split(" -> ")[0] for link in followed}
missing = sorted(links(document) - names)
cases = sum(counter.total() for counter in answers.values()) + undocumented.total()
print(f"schemathesis: {cases} cases, operations without a success: {len(lacking)}, links not followed: {len(missing)}")
sys.exit(f"lacking: {lacking} {missing}" if lacking or missing or cases < 1000 else 0)
