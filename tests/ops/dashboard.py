"""Prints the queries of a Grafana dashboard as recording rules, for promtool. Checks of its form what Grafana needs to show it."""

import json
import sys

VARIABLES = {"$__rate_interval": "5m", "$job": "teable-attachments", "$instance": ".*"}


def main(path):
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    assert dashboard["uid"] and dashboard["title"] and dashboard["schemaVersion"] >= 39
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert {"datasource", "job", "instance"} <= known, known
    ids, taken, expressions = set(), set(), []
    for panel in dashboard["panels"]:
        assert panel["id"] not in ids, f"two panels have the id {panel['id']}"
        ids.add(panel["id"])
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"{panel['title']} stands on another panel"
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], f"{panel['title']} shows nothing"
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}" and target["legendFormat"]
            expressions.append(target["expr"])
    rules = []
    for number, expression in enumerate(expressions):
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        assert "$" not in expression, f"an unknown variable: {expression}"
        rules.append({"record": f"panel:{number}", "expr": expression})
    # JSON is YAML.
    json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)


main(sys.argv[1])
