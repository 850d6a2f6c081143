"""Mechanical repairs: what they move, and what they leave alone."""

from kfpilot.agent.workers.mend import (
    call_python_func,
    compiled_asserted,
    imports_into_components,
    last_line_ended,
    lists_sorted,
    mend_python,
    texts_dedented,
)
from kfpilot.agent.workers.scaffold import components_of

COMPONENT = '''import csv
from collections import Counter

from kfp import dsl


@dsl.component(base_image="python:3.11")
def count(rows: dsl.Input[dsl.Dataset]) -> int:
    """Counts rows.

    Args:
        rows: The rows.
    """
    with open(rows.path) as source:
        return sum(1 for _ in csv.reader(source))


def helper():
    return Counter()
'''


def test_an_import_that_a_component_uses_goes_into_it():
    mended = imports_into_components(COMPONENT)
    body = mended[mended.index("def count") : mended.index("def helper")]
    assert "    import csv\n" in body
    assert "Counter" not in body
    compile(mended, "a.py", "exec")


def test_an_import_that_is_there_already_is_not_repeated():
    source = COMPONENT.replace("    with open", "    import csv\n\n    with open")
    assert imports_into_components(source) == source


def test_kfp_stays_at_the_top():
    source = "from kfp import dsl\n\n\n@dsl.component\ndef a() -> str:\n    return dsl.__name__\n"
    assert imports_into_components(source) == source


def test_what_does_not_parse_is_left_alone():
    assert imports_into_components("def (") == "def ("
    assert call_python_func("def (", frozenset({"a"})) == "def ("


def test_a_component_called_in_a_test_is_called_by_python_func():
    source = (
        "from p import keep\n\n\ndef test_ü():\n    x = 'ü', keep(rows=1)\n"
        "    assert keep.python_func(rows=2) == keep(\n        rows=3\n    )\n"
    )
    mended = call_python_func(source, frozenset({"keep"}))
    assert mended.count("keep.python_func(") == 3
    compile(mended, "t.py", "exec")


def test_local_runs_and_pipelines_in_a_test_call_the_component_itself():
    local_run = "from kfp import local\nlocal.init(local.SubprocessRunner())\nkeep(rows=1)\n"
    pipeline = "@dsl.pipeline\ndef p():\n    keep(rows=1)\n"
    assert call_python_func(local_run, frozenset({"keep"})) == local_run
    assert call_python_func(pipeline, frozenset({"keep"})) == pipeline


def test_a_drafted_file_is_put_in_order(tmp_path):
    (tmp_path / "count.py").write_text(COMPONENT.replace("\n\n\ndef helper():\n    return Counter()\n", "\n"))
    mend_python(tmp_path, "count.py")
    text = (tmp_path / "count.py").read_text()
    assert text.index("def count") < text.index("import csv")
    assert "Counter" not in text


def test_rows_in_triple_quotes_lose_the_indentation_of_the_code():
    source = '''def test_a():
    """
    A test.
    """
    rows = """
    name,total
    "ü",1
    """
    assert run(rows, """
        name,total
    """) == """\\
        name,total
    """
'''
    assert (
        texts_dedented(source)
        == '''def test_a():
    """
    A test.
    """
    rows = "name,total\\n\\"ü\\",1\\n"
    assert run(rows, "name,total\\n") == "name,total\\n"
'''
    )


def test_an_empty_line_before_the_header_of_a_table_goes():
    source = 'TEXT = """\nname,total\na,1\n"""\nassert run(TEXT) == """\nname,total\n"""\nNOTE = """\nname\n"""\n'
    assert texts_dedented(source) == (
        'TEXT = "name,total\\na,1\\n"\nassert run(TEXT) == "name,total\\n"\nNOTE = """\nname\n"""\n'
    )


def test_other_texts_of_a_test_stay():
    source = '''A = """
name
"""
B = """name,
    total"""
C = f"""
    {A}
    """
D = "\\n  x"
E = """
    name
  or
none
"""
'''
    assert texts_dedented(source) == source


def test_a_list_that_is_compared_with_a_sorted_one_is_put_in_order():
    assert lists_sorted('assert sorted(tasks) == ["load", "clean"]\n') == 'assert sorted(tasks) == ["clean", "load"]\n'


def test_other_lists_of_a_test_stay():
    source = (
        'assert sorted(tasks) == ["a", "b"]\nassert tasks == ["b", "a"]\nassert sorted(n, reverse=True) == ["b", "a"]\n'
        'assert sorted(n) == [2, 1]\nassert sorted(n) != ["b", "a"]\nassert list(n) == ["b", "a"]\n'
    )
    assert lists_sorted(source) == source


ENDINGS = '''
def run(text):
    return "a,b" == text


def test_ü():
    assert run("a,b\\n1,2") == "a,b\\n1,2" and run("a,b") == """a,b
ü,3"""
    written = run("a,b\\n")
    assert written == ("a,b\\n1,"
        "2")
    assert written == "a,b\\n" and run("") == ""
    assert "a,b" == "a,b" and written.splitlines()[0] == "a,b" and written != "a,b"
'''


def test_the_last_line_of_a_table_that_is_expected_has_its_end():
    whole = ENDINGS.replace('== "a,b\\n1,2" and', '== "a,b\\n1,2\\n" and')
    whole = whole.replace('"""a,b\nü,3"""', '"a,b\\nü,3\\n"').replace('("a,b\\n1,"\n        "2")', '("a,b\\n1,2\\n")')
    assert last_line_ended(ENDINGS, {"run"}) == whole
    assert last_line_ended(whole, {"run"}) == whole
    assert last_line_ended("def (", {"run"}) == "def ("
    assert last_line_ended(ENDINGS, set()) == ENDINGS
    assert last_line_ended(ENDINGS.replace("run(", "run_keep("), {"run_keep"}) == whole.replace("run(", "run_keep(")


WRITER = """import csv
from kfp import dsl

@dsl.component
def keep(rows: dsl.Input[dsl.Dataset], kept: dsl.Output[dsl.Dataset]):
    with open(kept.path, "w") as target:
        csv.writer(target).writerow(["a", "b"])
"""


def test_the_end_of_the_last_line_is_only_certain_where_a_writer_of_rows_writes_one_table(tmp_path):
    joined = WRITER.replace('csv.writer(target).writerow(["a", "b"])', 'target.write("a,b")')
    test = 'from p import keep\n\n\ndef test_keep():\n    assert run("x") == "a,b"\n'
    ends = {}
    for name, sources in {"rows": [WRITER], "joined": [joined], "two": [WRITER, WRITER], "none": []}.items():
        (tmp_path / "test_keep.py").write_text(test)
        mend_python(tmp_path, "test_keep.py", [found for source in sources for found in components_of(source)])
        ends[name] = (tmp_path / "test_keep.py").read_text().endswith('== "a,b\\n"\n')
    assert ends == {"rows": True, "joined": False, "two": False, "none": False}


COMPILED = """def compile_tasks(tmp_path):
    return {}


def test_compiles(tmp_path):
    compile_tasks(tmp_path)


def test_compiles_again(tmp_path):
    tasks = compile_tasks(
        tmp_path
    )


def test_has(tmp_path):
    assert compile_tasks(tmp_path) == {}


def test_other(tmp_path):
    print(tmp_path)
"""


def test_that_a_pipeline_compiles_is_asserted():
    mended = COMPILED.replace("    compile_tasks(tmp_path)\n", "    assert compile_tasks(tmp_path)\n")
    mended = mended.replace("        tmp_path\n    )\n", "        tmp_path\n    )\n    assert tasks\n")
    assert compiled_asserted(COMPILED) == mended
    assert compiled_asserted(mended) == mended
    plain = COMPILED.replace("def compile_tasks", "def compile_all")
    assert compiled_asserted(plain) == plain and compiled_asserted("def compile_tasks(") == "def compile_tasks("
