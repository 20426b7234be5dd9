"""What README says of Python is so."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_gives_the_figures_of_the_demo(monkeypatch, tmp_path, capsys):
    readme = (ROOT / "README.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert program.count("\n") <= 14
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {})
    printed = capsys.readouterr().out.split()
    said = re.search(r"^OPQ48,PQ48x8 .*", readme, re.MULTILINE).group().split()
    # spec, bytes, smaller, mse
    assert printed == [said[0], said[3]]
