"""Pin `pyproject.toml` into `requirements/*.txt`, with the hashes of all platforms' files.

Called by `make lock` after a change of pyproject.toml or requirements/constraints.txt. The index
that pip and uv are configured with is used and not written down.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
TOOL_VENV = ROOT / ".venv" / "lock"
UV = "uv==0.13.9"

# The widest set first: the others then take their versions from it.
SETS: dict[str, list[str]] = {
    "full": [
        "simulation",
        "engine",
        "keepers",
        "sunspec",
        "forecast",
        "test",
        "gateway",
        "testnet",
        "analysis",
    ],
    "dev": ["simulation", "engine", "keepers", "sunspec", "forecast", "test"],
    "simulation": ["simulation"],
    "base": [],
}


def main() -> int:
    """Write every requirements file."""
    uv = TOOL_VENV / "bin" / "uv"
    if not uv.exists():
        venv.create(TOOL_VENV, with_pip=True)
        python = TOOL_VENV / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", UV], check=True)
    for name, extras in SETS.items():
        constraints = [REQUIREMENTS / "constraints.txt"]
        if name != "full":
            constraints.append(REQUIREMENTS / "full.txt")
        output = REQUIREMENTS / f"{name}.txt"
        command: list[str | Path] = [uv, "pip", "compile", "pyproject.toml", "--quiet"]
        command += ["--no-config", "--generate-hashes", "--no-header", "--no-annotate"]
        command += ["--no-emit-index-url", "--no-emit-find-links"]
        command += ["--python-version", "3.11", "--output-file", output]
        for extra in extras:
            command += ["--extra", extra]
        for constraint in constraints:
            command += ["--constraint", constraint]
        subprocess.run(command, check=True, cwd=ROOT)
        pins = sum("==" in line for line in output.read_text().splitlines())
        print(f"lock: requirements/{name}.txt, {pins} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
