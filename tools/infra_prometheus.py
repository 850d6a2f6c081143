"""Prometheus rules and Grafana dashboards: every expression must be PromQL that Prometheus can parse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from .findings import Finding
from .project_names import near
from .yaml_lines import Document, documents

FUNCTIONS = frozenset(
    """
    abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max clamp_min
    cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv exp floor
    histogram_avg histogram_count histogram_fraction histogram_quantile histogram_stddev histogram_stdvar
    histogram_sum hour idelta increase info irate label_join label_replace last_over_time ln log10 log2
    mad_over_time max_over_time min_over_time minute month pi predict_linear present_over_time quantile_over_time rad
    rate resets round scalar sgn sin sinh sort sort_by_label sort_by_label_desc sort_desc sqrt stddev_over_time
    stdvar_over_time sum_over_time tan tanh time timestamp vector year double_exponential_smoothing holt_winters
    """.split()  # noqa: SIM905
)
"""What may be meant by a function name that the parser does not know."""

VARIABLE = re.compile(r"\$\{[^}]*\}|\[\[[^\]]*\]\]|\$\w+")
FILLINGS = ("variable", "1", "5m")
MANY = 4
SECONDS = re.compile(r"\$\{?__(?:range_s|range_ms|interval_ms)\}?")
TEXT_PARTS = ("labels", "annotations")


def promql_problem(expression: str) -> tuple[str, bool] | None:
    """Why Prometheus cannot parse an expression.

    Returns:
        The reason, and whether it is sure: a function that the parser does not know may be new in Prometheus. None
        when the expression is fine.
    """
    import promql_parser

    if not expression.strip():
        return "the expression is empty", True
    try:
        promql_parser.parse(expression)
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        unknown = re.search(r"unknown function with name '(\w+)'", reason)
        if unknown:
            likely = near(unknown[1], FUNCTIONS, cutoff=0.8)
            return f"there is no function `{unknown[1]}` in PromQL.{likely}", bool(likely)
        return reason, True
    except BaseException as error:
        # The parser is no Python: where it gives up, it raises what is no Exception, and has no name to import.
        if type(error).__name__ != "PanicException":
            raise
        return f"the parser gives up: {error}", False
    return None


# --- rules ----------------------------------------------------------------------------------------------------------


def is_rule_file(document: Document) -> bool:
    """Whether a YAML document holds rules: a PrometheusRule, or a rule file of Prometheus."""
    data = document.data
    if not isinstance(data, dict):
        return False
    if data.get("kind") == "PrometheusRule":
        return True
    groups = data.get("groups")
    return "kind" not in data and isinstance(groups, list) and any(
        isinstance(group, dict) and isinstance(group.get("rules"), list) for group in groups
    )  # fmt: skip


def rule_findings(path: str, document: Document) -> list[Finding]:
    """What Prometheus would refuse in one document with rules."""
    data = document.data
    start: list[str | int] = ["spec"] if data.get("kind") == "PrometheusRule" else []
    holder = data.get("spec") if start else data
    groups = holder.get("groups") if isinstance(holder, dict) else None
    if not isinstance(groups, list):
        return [
            Finding(
                rule="P02", path=path, line=document.line_of(start),
                message="spec.groups is missing or no list: Prometheus gets no rule from this object.",
            )
        ]  # fmt: skip
    found = []
    for number, group in enumerate(groups):
        rules = group.get("rules") if isinstance(group, dict) else None
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            place = [*start, "groups", number, "rules", index]
            if not isinstance(rule, dict):
                continue
            for part, code, message, sure in rule_problems(rule):
                found.append(
                    Finding(
                        rule=code,
                        path=path,
                        line=document.line_of([*place, *part]),
                        message=message,
                        severity="error" if sure else "warning",
                    )
                )
    return found


def rule_problems(rule: dict[str, Any]) -> Iterator[tuple[list[str], str, str, bool]]:
    """What is wrong with one rule: (place in it, id, message, sure)."""
    name = rule.get("alert") or rule.get("record")
    if ("alert" in rule) == ("record" in rule):
        yield [], "P02", "a rule has exactly one of `alert` and `record`; Prometheus refuses the whole file.", True
    if "expr" not in rule:
        yield [], "P02", f"rule {name}: `expr` is missing; Prometheus refuses the whole file.", True
    elif not templated(str(rule["expr"])):
        problem = promql_problem(str(rule["expr"]))
        if problem:
            reason = problem[0].rstrip(".")
            text = f"rule {name}: the expression is not PromQL: {reason}. Prometheus refuses the whole file."
            yield ["expr"], "P01", text, problem[1]
    for key in ("for", "keep_firing_for"):
        value = rule.get(key)
        if value is not None and not templated(str(value)) and not is_duration(str(value)):
            yield [key], "P02", f"rule {name}: `{key}: {value}` is no duration; write it as 5m, 1h or 30s.", True
    for key in TEXT_PARTS:
        part = rule.get(key)
        for label, value in part.items() if isinstance(part, dict) else ():
            if str(value).count("{{") != str(value).count("}}"):
                yield (
                    [key, str(label)],
                    "P02",
                    f"rule {name}: in {key}.{label} a `{{{{` and a `}}}}` do not match; Prometheus refuses the file.",
                    True,
                )


def is_duration(text: str) -> bool:
    """Whether Prometheus reads the text as a length of time."""
    return text == "0" or bool(re.fullmatch(r"(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?", text))


def templated(text: str) -> bool:
    """Whether a text is filled in by some other program first."""
    return "{{" in text or "${" in text or "{%" in text


# --- dashboards -----------------------------------------------------------------------------------------------------


def dashboard_of(data: Any) -> dict[str, Any] | None:
    """The Grafana dashboard in a JSON document, also where it is wrapped for the API; None if it is none."""
    if isinstance(data, dict) and isinstance(data.get("dashboard"), dict):
        data = data["dashboard"]
    return data if isinstance(data, dict) and isinstance(data.get("schemaVersion"), int) else None


def embedded_dashboards(document: Document) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Dashboards that a ConfigMap carries, as Grafana's sidecar reads them: (key, line, dashboard)."""
    data = document.data
    if not isinstance(data, dict) or data.get("kind") != "ConfigMap" or not isinstance(data.get("data"), dict):
        return
    for key, value in data["data"].items():
        if str(key).endswith(".json") and isinstance(value, str):
            try:
                found = dashboard_of(json.loads(value))
            except json.JSONDecodeError:
                continue
            if found is not None:
                yield str(key), document.line_of(["data", key]), found


def embedded_findings(path: str, document: Document) -> list[Finding]:
    """What is wrong with dashboards and rules that a ConfigMap carries."""
    found = [
        item.model_copy(update={"message": f"{key}: {item.message}"})
        for key, line, dashboard in embedded_dashboards(document)
        for item in dashboard_findings(path, dashboard, line=line)
    ]
    data = document.data
    if isinstance(data, dict) and data.get("kind") == "ConfigMap" and isinstance(data.get("data"), dict):
        for key, value in data["data"].items():
            if str(key).endswith((".yaml", ".yml", ".rules")) and isinstance(value, str):
                place = document.line_of(["data", key])
                # The text of a block begins in the line below its key.
                found += [
                    item.model_copy(update={"line": place + item.line, "message": f"{key}: {item.message}"})
                    for inner in documents(value)
                    if is_rule_file(inner)
                    for item in rule_findings(path, inner)
                ]
    return found


def dashboard_findings(path: str, dashboard: dict[str, Any], *, text: str = "", line: int = 1) -> list[Finding]:
    """What is wrong with a dashboard: no panel, or a query that Prometheus cannot parse.

    Args:
        path: The file it is in.
        dashboard: The dashboard.
        text: The text of the file, in which the queries are found again.
        line: The line to give where that is not possible.
    """
    panels = list(panels_of(dashboard.get("panels"))) + [
        panel
        for row in listed(dashboard.get("rows"))
        if isinstance(row, dict)
        for panel in panels_of(row.get("panels"))
    ]
    if not panels:
        message = "the dashboard has no panels: Grafana shows an empty page. Put its queries into `panels`."
        return [Finding(rule="P04", path=path, line=line, message=message)]
    found = []
    for panel in panels:
        for target in listed(panel.get("targets")):
            expression = target.get("expr") if isinstance(target, dict) else None
            source = datasource(target, panel) if isinstance(target, dict) else ""
            if not isinstance(expression, str) or source not in ("prometheus", ""):
                continue
            problem = query_problem(expression)
            if problem:
                title = panel.get("title") or panel.get("id") or "without a title"
                reason = problem[0].rstrip(".")
                found.append(
                    Finding(
                        rule="P03",
                        path=path,
                        line=line_in(text, expression) or line,
                        message=f"panel {title}: the query is not PromQL: {reason}. The panel shows an error.",
                        severity="error" if problem[1] and source == "prometheus" else "warning",
                    )
                )
    return found


def panels_of(panels: object) -> Iterator[dict[str, Any]]:
    """The panels, those inside collapsed rows included, rows themselves left out."""
    for panel in listed(panels):
        if isinstance(panel, dict):
            if panel.get("type") != "row":
                yield panel
            yield from panels_of(panel.get("panels"))


def listed(value: object) -> Sequence[Any]:
    """A list, or nothing."""
    return value if isinstance(value, list) else ()


def datasource(target: dict[str, Any], panel: dict[str, Any]) -> str:
    """The kind of database a query goes to, in small letters; empty when the dashboard does not say."""
    for holder in (target, panel):
        source = holder.get("datasource")
        if isinstance(source, dict) and source.get("type"):
            kind = str(source["type"]).lower()
            if kind not in ("mixed", "datasource"):
                return kind
        elif isinstance(source, str) and source:
            lower = source.lower()
            for kind in ("prometheus", "loki", "tempo", "influx", "elastic"):
                if kind in lower:
                    return kind
    return ""


def query_problem(expression: str) -> tuple[str, bool] | None:
    """What is wrong with a query, its `$variables` filled in.

    A variable may stand for a name, a number or a duration. The query is fine if one of them makes it so.
    """
    expression = re.sub(r"#[^\n\"']*$", "", expression, flags=re.M)
    text = SECONDS.sub("300", expression)
    # In [ ] and after `offset` only a length of time can be meant.
    text = re.sub(r"\[\s*(?:\$\{?\w+(?::\w+)?\}?)", "[5m", text)
    text = re.sub(r":\s*(?:\$\{?\w+\}?)\s*\]", ":1m]", text)
    text = re.sub(r"(\boffset\s+-?\s*)(?:\$\{?\w+\}?)", r"\g<1>5m", text)
    names = list(dict.fromkeys(VARIABLE.findall(text)))
    first = None
    # With very many variables all are taken for the same, or there would be too much to try.
    fillings = (
        product(FILLINGS, repeat=len(names)) if len(names) <= MANY else [(word,) * len(names) for word in FILLINGS]
    )
    for filling in fillings:
        query = text
        for name, value in sorted(zip(names, filling, strict=True), reverse=True):
            query = query.replace(name, value)  # The longer of `$run` and `$runs` comes first.
        problem = promql_problem(query)
        if problem is None:
            return None
        first = first or problem
    return first


def line_in(text: str, expression: str) -> int | None:
    """Where a query stands in the JSON text."""
    at = text.find(json.dumps(expression, ensure_ascii=False))
    at = text.find(json.dumps(expression)) if at < 0 else at
    return text.count("\n", 0, at) + 1 if at >= 0 else None
