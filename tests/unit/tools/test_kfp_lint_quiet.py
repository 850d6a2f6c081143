"""Code that looks like a mistake and is none: the KFP lint says nothing at all."""

from __future__ import annotations

import textwrap

import pytest
from kfpilot.tools.kfp_lint import module_findings

HEAD = """\
from dataclasses import dataclass
from typing import NamedTuple
import kfp
from kfp import dsl, kubernetes
from kfp.dsl import pipeline_channel
@dsl.component
def step(n: str) -> str:
    return n
@dsl.component
def total(numbers: list) -> str:
    return str(numbers)
@dataclass
class Config:
    output: str = "x"
"""


@pytest.mark.parametrize(
    "text",
    [
        # One name for the items of two loops.
        """
        @dsl.pipeline
        def p(a: list, b: list):
            with dsl.ParallelFor(a) as item:
                step(n=item)
            with dsl.ParallelFor(b) as item:
                step(n=item)
        """,
        # An object of Python's that happens to have an attribute `output`.
        """
        @dsl.pipeline
        def p():
            config = Config()
            step(n="1").set_display_name(f"run {config.output}")
            if config.output:
                step(n="2")
        """,
        # Named tuples that are made in one go, and a mapping that is an output.
        """
        @dsl.component
        def both() -> NamedTuple("O", [("a", int), ("b", int)]):
            from collections import namedtuple
            return namedtuple("O", ["a", "b"])(1, 2)
        @dsl.component
        def plain() -> NamedTuple("O", [("a", int), ("b", int)]):
            return 1, 2
        @dsl.component
        def table() -> dict:
            return {"a": 1}
        """,
        # One whose output has a path.
        """
        @dsl.pipeline
        def p():
            config = Config()
            config.output.path = "x"
            config.path = "y"
            step(n=config.path)
        """,
        # A helper that tells placeholders from values.
        """
        def named(value):
            return value if isinstance(value, pipeline_channel.PipelineChannel) else str(value)
        @dsl.pipeline
        def p(a: str):
            step(n=named(a))
        """,
        # A helper that sets up tasks and makes conditions.
        """
        def guarded(value, limit="x"):
            if limit is None:
                return
            with dsl.If(value == limit):
                step(n=value)
        @dsl.pipeline
        def p(a: str):
            guarded(a)
        """,
        # Parameters in the text of arguments, also inside lists and dicts.
        """
        @dsl.component
        def take(a: dict, b: list, c: str):
            print(a, b, c)
        @dsl.pipeline
        def p(day: str, n: int):
            take(a={"x": f"of {day}"}, b=[f"{n}", n], c="of {}".format(day))
        """,
        # A secret's name, not the secret; tokens that are none.
        """
        @dsl.pipeline
        def p(token: str, pad_token: str, max_tokens: int, secret_name: str):
            t = step(n=pad_token)
            step(n=f"{max_tokens}")
            kubernetes.use_secret_as_env(t, secret_name=token, secret_key_to_env={"k": "TOKEN"})
            kubernetes.use_secret_as_env(t, secret_name=secret_name, secret_key_to_env={"k": "OTHER"})
        """,
        # Durations and log lines.
        """
        @dsl.component
        def timed(n: int) -> int:
            import datetime
            import time
            start = time.time()
            print("at", datetime.datetime.now())
            took = time.time() - start
            print(took)
            return n
        @dsl.pipeline
        def p(n: int):
            timed(n=n)
        """,
        # Caching is set by a helper, or for the whole run.
        """
        @dsl.component
        def now() -> str:
            import datetime
            return datetime.datetime.now().isoformat()
        def fresh(task):
            return task.set_caching_options(False)
        @dsl.pipeline
        def p():
            fresh(now())
            for task in [now(), now()]:
                task.set_caching_options(enable_caching=False)
        """,
        # Not finished, and says so.
        """
        @dsl.component
        def later(n: int, out: dsl.Output[dsl.Dataset]) -> int:
            raise NotImplementedError("comes with T004")
        """,
        # A class inside a component, an escape that Python does not know, a path that is a parameter.
        """
        @dsl.component
        def rich(folder: str = "/models") -> str:
            import os
            class Row:
                name: str = "x"
            pattern = "\\\\d" + "\\{"
            os.makedirs(folder, exist_ok=True)
            with open("/tmp/x", "w") as file:
                file.write(pattern + Row().name)
            return pattern
        """,
        # Docstrings of other styles, and headings that stand too far in.
        '''
        @dsl.component
        def told(n: int, m: int) -> int:
            """Add.

            Args:
                n: A number: an int.
                m: Another.

                Returns: nothing of note.
            """
            return n + m
        @dsl.component
        def sphinx(n: int) -> int:
            """Add.

            :param n: a number
            :return: it
            """
            return n
        ''',
        # A task waits for a loop, and a loop for another.
        """
        @dsl.pipeline
        def p(a: list) -> str:
            with dsl.ParallelFor(a) as item:
                first = step(n=item)
                with dsl.ParallelFor(a) as other:
                    step(n=other).after(first)
                step(n=first.output)
            second = step(n="1").after(first)
            gathered = total(numbers=dsl.Collected(first.output)).after(second)
            return gathered.output
        """,
        # kfp 2 names that look like those of v1.
        """
        @dsl.pipeline
        def p(n: str):
            load = kfp.components.load_component_from_text("name: x")
            load(n=n)
        """,
    ],
)
def test_nothing_is_said(text: str) -> None:
    found = module_findings("p.py", HEAD + textwrap.dedent(text).lstrip("\n"))

    assert found == []
