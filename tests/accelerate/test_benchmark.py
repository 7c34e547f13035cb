"""The benchmark runs, nothing fails in it, and its report has what it says."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benches" / "python" / "benchmark_ipfs_acceleration.py"


def test_it_measures_and_everything_succeeds(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick", "--report", report],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = report.read_text()
    assert "| 100.0% | 240 of 240 |" in text
    headings = [line for line in text.splitlines() if line.startswith("#")]
    written = (ROOT / "docs" / "accelerate" / "benchmark.md").read_text()
    assert headings == [it for it in written.splitlines() if it.startswith("#")]


def test_the_report_has_a_row_for_each_thing_that_is_measured() -> None:
    rows = (ROOT / "docs" / "accelerate" / "benchmark.md").read_text().splitlines()
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    for name in ("ipfs_accelerate_py", "add_file, 64 MiB", "cid_exists", "from_ipfs"):
        assert name in names
    assert any("100.0%" in row for row in rows)
