"""What a run of Schemathesis covered: python schemathesis_report.py EVENTS.ndjson

Fails unless each operation succeeded at least once and each link was followed.
"""

import collections
import json
import sys

answers: dict[str, collections.Counter[int]] = collections.defaultdict(collections.Counter)
cases = 0
links: collections.Counter[str] = collections.Counter()
with open(sys.argv[1], encoding="utf-8") as events:
    for line in events:
        finished = json.loads(line).get("ScenarioFinished")
        if not finished:
            continue
        recorder = finished["recorder"]
        for identity, case in recorder.get("cases", {}).items():
            cases += 1
            value = case["value"]
            operation = f"{value['method']} {value['path']}"
            interaction = recorder.get("interactions", {}).get(identity) or {}
            response = interaction.get("response")
            if response:
                answers[operation][response["status_code"]] += 1
            transition = case.get("transition")
            if transition and case.get("is_transition_applied"):
                links[transition["id"]] += 1

for operation, statuses in sorted(answers.items()):
    told = ", ".join(f"{status} × {count}" for status, count in sorted(statuses.items()))
    print(f"{operation:45} {sum(statuses.values()):6} cases: {told}")
for link, count in sorted(links.items()):
    print(f"link {link}: {count}")
# A redirect is how an operation that only redirects succeeds.
lacking = [operation for operation, statuses in answers.items() if not any(200 <= status < 400 for status in statuses)]
print(f"schemathesis: {cases} cases, {len(answers)} operations, without a success: {len(lacking)}")
sys.exit(1 if lacking or len(answers) != 7 or cases < 2000 else 0)
