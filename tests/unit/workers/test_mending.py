"""A function that tests have found fault with is taken out of its file, to be drawn again."""

from pathlib import Path

from kfpilot.agent.verifier.models import Fault, HandBack
from kfpilot.agent.workers.mending import take_out

ONE = '"""Steps."""\n\nfrom kfp import dsl\n\n\n@dsl.component\ndef clean():\n    return 1\n'
TWO = ONE + "\n\ndef other():\n    return 2\n"


def handed(function: str) -> HandBack:
    return HandBack(
        fault=Fault(file="./steps.py", function=function, does="x", should="y", by="T001"), tree="abc", attempt=2
    )


def test_a_file_with_nothing_else_goes(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(ONE)
    assert take_out(tmp_path, handed("clean")) == "steps.py"
    assert not (tmp_path / "steps.py").exists()


def test_what_else_is_in_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "steps.py"
    file.write_text(TWO)
    take_out(tmp_path, handed("clean"))
    assert file.read_text() == '"""Steps."""\n\nfrom kfp import dsl\n\n\n\n\ndef other():\n    return 2\n'


def test_what_is_not_there_is_not_taken_out(tmp_path: Path) -> None:
    file = tmp_path / "steps.py"
    for text, function in ((TWO, "missing"), (TWO, ""), ("def (", "clean")):
        file.write_text(text)
        take_out(tmp_path, handed(function))
        assert file.read_text() == text
