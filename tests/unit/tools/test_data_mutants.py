"""Changed YAML and JSON files stay YAML and JSON, and hold nothing of what they should not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from kfpilot.tools.data_mutants import single_mutants, whole_mutants

TEXT = """\
# head
kind: Job
metadata: {name: web, labels: {app: "web"}}
spec:
  replicas: 3
  on: yes
  ratio: 0.5
  empty:
  shared: &a 4
  again: *a
  base: &b {q: 1}
  merged:
    <<: *b
  script: |
    line one
  folded: >-
    a b
  own: !Ref thing
  containers:
  - name: web   # the name
    args: ["a", b]
    none: []
---
ports:
  - 80
  - 2026-01-01
"""


class Loader(yaml.SafeLoader):
    pass


Loader.add_constructor("!Ref", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


def load(text: str) -> list[Any]:
    return list(yaml.load_all(text, Loader=Loader))


def test_every_value_is_changed_and_nothing_else() -> None:
    values = {mutant.kind: mutant.source for mutant in whole_mutants("a.yaml", TEXT)}["value"]
    first, second = load(values)
    assert first["spec"]["replicas"] == 4 and first["spec"][True] is False and first["spec"]["ratio"] == 1.5
    assert first["spec"]["shared"] == first["spec"]["again"] == 5 and first["spec"]["merged"] == {"q": 2}
    assert first["spec"]["own"] == "thing" and first["spec"]["empty"] is None
    assert second["ports"][0] == 81
    assert first.keys() == load(TEXT)[0].keys()
    assert not any(word in values for word in ("Job", "web,", "line one", "a b", "2026"))
    assert "# head" in values and "# the name" in values


def test_every_key_is_renamed() -> None:
    keys = {mutant.kind: mutant.source for mutant in whole_mutants("a.yaml", TEXT)}["key"]
    first, second = load(keys)
    assert not {"kind", "metadata", "spec"} & set(first) and "ports" not in second
    assert "replicas" not in keys and "name:" not in keys
    assert next(iter(second.values()))[0] == 80


def test_every_list_and_mapping_gets_an_entry() -> None:
    first, second = load({mutant.kind: mutant.source for mutant in whole_mutants("a.yaml", TEXT)}["entry"])
    before, _ = load(TEXT)
    assert len(first) == len(before) + 1 and len(second["ports"]) == 3
    assert len(first["spec"]["containers"]) == 2 and len(first["spec"]["containers"][1]["args"]) == 3
    assert first["spec"]["containers"][1]["none"] == ["XX"]
    assert first["spec"]["replicas"] == 3


def test_single_changes_begin_with_what_the_tests_speak_of() -> None:
    made = single_mutants("a.yaml", TEXT, ["replicas", "b"])
    assert [str(mutant) for mutant in made[:2]] == [
        "renaming the key `replicas` on line 5 of a.yaml",
        "changing `3` to `4` at `replicas` on line 5 of a.yaml",
    ]
    assert made[2].change.startswith("changing `b` to ")
    assert len({mutant.source for mutant in made}) == len(made) > 20


def test_json_stays_json() -> None:
    text = '{"a": [1, 2.5, true, null], "b": {"c": "x", "d": {}}, "e": []}'
    assert [json.loads(mutant.source) for mutant in whole_mutants("a.json", text)] == [
        {"a": [2, 3.5, False, "qxoo"], "b": {"c": "a", "d": {}}, "e": []},
        {"d": [1, 2.5, True, None], "e": {"f": "x", "g": {}}, "h": []},
        {
            "kfpilotXX": "XX",
            "a": ["XX", 1, 2.5, True, None],
            "b": {"kfpilotXX": "XX", "c": "x", "d": {"kfpilotXX": "XX"}},
            "e": ["XX"],
        },
    ]


@pytest.mark.parametrize("text", ["", "a: [1\n", "# nothing\n", "{{ template }}: x: y\n", "\t- a\n", "[" * 3000, "~\n"])
def test_what_cannot_be_changed_gives_nothing(text: str) -> None:
    assert [mutant.kind for mutant in whole_mutants("a.yaml", text)] in ([], ["value"])
    assert all(load(mutant.source) for mutant in single_mutants("a.yaml", text, []))
