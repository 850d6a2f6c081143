"""What a component's function does beside computing: the time, chance, the network."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .kfp_names import walk
from .kfp_source import Function

CHANGING = re.compile(
    r"(?:\bdatetime|\bdate|\bTimestamp|\bdt)\.(?:now|utcnow|today)$|\bsecrets\.(?:token_\w+|randbelow|choice)$"
    r"|\btime\.(?:time|time_ns|strftime|localtime|gmtime)$|\buuid\.?uuid[14]$|^uuid[14]$|(?:^|\.)os\.urandom$"
)
CHANCE = re.compile(
    r"^random\.(?:random|randint|choices?|sample|shuffle|uniform|gauss|randrange|normalvariate)$"
    r"|^(?:np|numpy)\.random\.(?:rand|randn|randint|random|choice|normal|uniform|permutation|shuffle)$"
)
SEEDED = re.compile(r"(?:^|\.)(?:seed|manual_seed|set_seed|seed_everything)$")
WRITES = re.compile(
    r"^(?:requests|httpx|session)\.(?:post|put|patch|delete)$|(?:^|\.)(?:sendmail|send_message|chat_postMessage)$"
)
SINKS = re.compile(
    r"\.(?:write|writelines|log_metric|to_csv|to_parquet|to_json|write_text|savetxt|save)$|(?:^|\.)(?:safe_)?dump$"
)
NETWORK = {
    "requests", "httpx", "urllib", "urllib3", "aiohttp", "boto3", "botocore", "minio", "s3fs", "gcsfs", "google",
    "azure", "psycopg2", "pymysql", "sqlalchemy", "redis", "pymongo", "smtplib", "ftplib", "paramiko", "kafka",
    "huggingface_hub", "mlflow", "wandb", "openai", "kubernetes", "grpc", "socket",
}  # fmt: skip


def calls(function: Function) -> Iterator[tuple[ast.Call, str]]:
    """All calls of a function with the text of what is called."""
    for node in walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield node, ast.unparse(node.func)


def network(function: Function) -> str:
    """The first library a function imports that reaches the network, or an empty text."""
    for node in walk(function):
        names = []
        if isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            if name.partition(".")[0] in NETWORK and name not in ("urllib.parse", "google.protobuf"):
                return name
    return ""


def impure(function: Function) -> str:
    """What the result of a function depends on beside its inputs, or what it changes elsewhere; empty if nothing.

    The time and chance count only if they reach what the function returns or writes: durations and log lines do not.
    """
    found = list(calls(function))
    write = next((text for _, text in found if WRITES.search(text)), "")
    if write:
        return f"another system (`{write}`)"
    seeded = any(SEEDED.search(text) for _, text in found)
    sources = {id(node): text for node, text in found if CHANGING.search(text) or (CHANCE.search(text) and not seeded)}
    if not sources:
        return ""
    tainted: dict[str, str] = {}

    def carried(node: ast.AST | None) -> str:
        if node is None or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)):  # a duration
            return ""
        if isinstance(node, ast.Name):
            return tainted.get(node.id, "") if isinstance(node.ctx, ast.Load) else ""
        if id(node) in sources:
            return sources[id(node)]
        return next((text for text in map(carried, ast.iter_child_nodes(node)) if text), "")

    for _ in range(3):  # enough for values that go through a few names
        for node in walk(function):
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and carried(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    for name in walk(target):
                        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                            tainted.setdefault(name.id, carried(node.value))
    for node in walk(function):
        text = ""
        if isinstance(node, ast.Return):
            text = carried(node.value)
        elif isinstance(node, ast.Call) and SINKS.search(ast.unparse(node.func)):
            text = next((item for item in map(carried, node.args) if item), "")
        if text:
            chance = CHANCE.search(text) or re.search("uuid|secrets|urandom", text)
            return f"{'chance' if chance else 'the time'} (`{text}()`)"
    return ""
