import importlib.util
import math
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def load_script():
    spec = importlib.util.spec_from_file_location("loop", ROOT / "docs" / "loop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_of_the_readme_runs_on_tiny_settings(tmp_path):
    gain = load_script().main(tmp_path, demos=4, states=2, starts=1, steps=3)
    assert math.isfinite(gain)


def test_the_readme_shows_the_script_as_it_is():
    shown = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).group(1)
    assert shown == (ROOT / "docs" / "loop.py").read_text()
