"""Repairs of components that take an output artifact for a file."""

from __future__ import annotations

import pytest
from kfpilot.agent.workers.opened import outputs_opened

HEAD = '@dsl.component\ndef tell(rows: Input[Dataset], report: Output[Dataset], page: Output[HTML]):\n    """Ä"""\n'


def test_an_output_that_is_written_to_is_opened_around_all_that_writes() -> None:
    draft = HEAD + (
        "    total = 0\n"
        '    report.write("total\\n")\n'
        "    for row in [1, 2]:\n"
        "        total += row\n"
        "\n"
        '        report.write(f"ä{total}\\n"); report.writelines(["x"])\n'
        "    print(total)\n"
        "    page.write('<p>')\n"
    )
    mended = outputs_opened(draft)
    assert mended == HEAD + (
        "    total = 0\n"
        '    with open(report.path, "w") as report_file:\n'
        '        report_file.write("total\\n")\n'
        "        for row in [1, 2]:\n"
        "            total += row\n"
        "\n"
        '            report_file.write(f"ä{total}\\n"); report_file.writelines(["x"])\n'
        "    print(total)\n"
        '    with open(page.path, "w") as page_file:\n'
        "        page_file.write('<p>')\n"
    )
    compile(mended, "tell.py", "exec")
    assert outputs_opened(mended) == mended


def test_an_output_whose_path_is_given_to_a_writer_is_opened_where_the_writer_is_used() -> None:
    draft = HEAD + (
        "    with open(rows.path) as source:\n"
        "        reader = csv.DictReader(source)\n"
        '        writer = csv.DictWriter(report.path, fieldnames=reader.fieldnames,\n            newline="")\n'
        "        writer.writeheader()\n"
        "        for row in reader:\n"
        "            print(row)\n"
        "\n"
        "            writer.writerow(row)\n"
        "        count = 1\n"
        "    page_writer = csv.writer(page)\n"
        "    page_writer.writerow(['<p>'])\n"
    )
    mended = outputs_opened(draft)
    assert mended == HEAD + (
        "    with open(rows.path) as source:\n"
        "        reader = csv.DictReader(source)\n"
        '        with open(report.path, "w", newline="") as report_file:\n'
        "            writer = csv.DictWriter(report_file, fieldnames=reader.fieldnames)\n"
        "            writer.writeheader()\n"
        "            for row in reader:\n"
        "                print(row)\n"
        "\n"
        "                writer.writerow(row)\n"
        "        count = 1\n"
        '    with open(page.path, "w", newline="") as page_file:\n'
        "        page_writer = csv.writer(page_file)\n"
        "        page_writer.writerow(['<p>'])\n"
    )
    assert outputs_opened(mended) == mended


@pytest.mark.parametrize(
    "text",
    [
        HEAD + '    with open(report.path, "w") as target:\n        target.write("x")\n',
        HEAD + "    rows.write('x')\n",  # an input is not to be written
        HEAD + "    report.write('''a\nb''')\n",
        HEAD + "    report_file = 1\n    report.write('x')\n",
        HEAD.replace("@dsl.component\n", "") + "    report.write('x')\n",
        HEAD + "    report.write(\n",
        HEAD + "    writer = csv.writer(rows.path)\n    writer.writerow([1])\n",  # an input
        HEAD + "    if rows:\n        writer = csv.writer(report.path)\n    writer.writerow([1])\n",
        HEAD + "    writer = csv.writer(report.path)\n    writer.writerow(['''a\nb'''])\n",
        HEAD + '    with open(report.path, "w") as target:\n        writer = csv.writer(target)\n',
    ],
)
def test_anything_else_stays_as_it_is(text: str) -> None:
    assert outputs_opened(text) == text
