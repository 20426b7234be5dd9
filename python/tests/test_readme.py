"""What README says of Python is so."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def beside_the_data(tmp_path):
    (tmp_path / "data").symlink_to(ROOT / "data")
    return tmp_path


def figures_of_the_demo():
    """What the first program prints: the spec and its error, as the demo has them."""
    spec, _, _, mse, *_ = re.search(r"^OPQ48,PQ48x8 .*", README, re.MULTILINE).group().split()
    return [spec, mse]


def test_the_example_gives_the_figures_of_the_demo(beside_the_data, capsys):
    program, _ = PROGRAMS
    assert program.count("\n") <= 14
    exec(compile(program, "README.md", "exec"), {})
    assert capsys.readouterr().out.split() == figures_of_the_demo()


#: What the second program prints: a query that was added finds itself, at no distance.
OF_INDEX = ["[10000]", "[0.]", "6200"]


def test_the_example_of_an_index(beside_the_data, capsys):
    _, program = PROGRAMS
    exec(compile(program, "README.md", "exec"), {})
    assert capsys.readouterr().out.split() == OF_INDEX


def test_a_notebook_of_the_examples_gives_them_too(beside_the_data):
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    preprocessors = pytest.importorskip("nbconvert.preprocessors")
    cells = [nbformat.v4.new_code_cell(program) for program in PROGRAMS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    run = preprocessors.ExecutePreprocessor(timeout=600, kernel_name="python3")
    run.preprocess(notebook, {"metadata": {"path": str(beside_the_data)}})
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    printed = [output.text for output in outputs if output.get("name") == "stdout"]
    assert "".join(printed).split() == figures_of_the_demo() + OF_INDEX
