"""Make the project's environment: `.venv`, `node_modules`, Anvil and a Solidity compiler.

Called by `make setup` with the system's Python 3.11, hence the standard library only. A second run
does nothing unless the lock files have changed. Needs PyPI and npm, through pip and npm as they are
configured.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NODE_MODULES = ROOT / "node_modules"
STATE_FILE = VENV / "energy-grid.json"
NODE_STAMP = NODE_MODULES / ".energy-grid-stamp"

SOLC_VERSION = "0.8.34"
SOLC_FOLDER = VENV / "solcx"
SOLC = SOLC_FOLDER / f"solc-v{SOLC_VERSION}"
SOLC_CACHE = VENV / "solc-cache"
NATIVE_TIMEOUT_SECONDS = 60


class SetupError(Exception):
    """Something is missing that the user must provide."""


def main() -> int:
    """Bring the environment up to date and say what was chosen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requirements", default="requirements/dev.txt")
    parser.add_argument(
        "--solc",
        choices=("auto", "native", "npm"),
        default="auto",
        help="auto: what was chosen before, else the native compiler if it can be downloaded",
    )
    args = parser.parse_args()
    try:
        with locked(ROOT / ".setup.lock"):
            install_python(ROOT / args.requirements)
            install_node()
            link_anvil()
            install_environment_hook()
            kind = choose_compiler(args.solc)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"setup: `{' '.join(map(str, error.cmd))}` failed", file=sys.stderr)
        return error.returncode or 1
    print(f"setup: ready; Solidity compiler: {SOLC_VERSION} {kind}")
    return 0


# --- Python ---------------------------------------------------------------------------------------


def install_python(requirements: Path) -> None:
    """Create `.venv` where it is missing or was moved, and install the pinned requirements."""
    if sys.version_info[:2] != (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(f"Python 3.11 is needed, this is {found}; try `make setup PYTHON=...`")
    state = read_state()
    wanted = digest(requirements)
    if state.get("root") != str(ROOT) or not (VENV / "bin" / "python").exists():
        say("creating .venv")
        try:
            run([sys.executable, "-m", "venv", "--clear", VENV])
        except subprocess.CalledProcessError as error:
            raise SetupError("no venv module: install Debian's python3-venv") from error
        state = {"root": str(ROOT)}
        write_state(state)
    if state.get("requirements") == wanted and (VENV / "bin" / "ape").exists():
        return
    say(f"installing {requirements.relative_to(ROOT)} (a minute or two)")
    python = VENV / "bin" / "python"
    options = ["--disable-pip-version-check", "-qq", "--require-hashes"]
    run([python, "-m", "pip", "install", *options, "-r", requirements])
    write_state(read_state() | {"requirements": wanted})


def install_environment_hook() -> None:
    """Let programs of the environment find the project's packages, Anvil and the compiler."""
    site_packages = next((VENV / "lib").glob("python3*/site-packages"))
    hook = "_energy_grid_env"
    replace(site_packages / f"{hook}.py", (ROOT / "tools" / "venv_env.py").read_text())
    replace(site_packages / f"{hook}.pth", f"import {hook}\n")


# --- Node -----------------------------------------------------------------------------------------


def install_node() -> None:
    """Install `package-lock.json`. No package of it needs its install script."""
    wanted = digest(ROOT / "package-lock.json")
    if NODE_STAMP.exists() and NODE_STAMP.read_text() == wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError("npm is not on PATH; install Node.js 20 or newer")
    say("installing package-lock.json")
    run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    NODE_STAMP.write_text(wanted)


ANVIL_SCRIPT = """#!/bin/sh
# ape starts Anvil with --steps-tracing, which keeps every step of every transaction in memory: one
# settlement of a day takes gigabytes, the unit tests more than 24. Errors are decoded without it.
# ENERGY_GRID_ANVIL_STEPS=1 leaves it on, for stepping through a transaction.
if [ -z "$ENERGY_GRID_ANVIL_STEPS" ]; then
  for argument in "$@"; do
    shift
    [ "$argument" = --steps-tracing ] || set -- "$@" "$argument"
  done
fi
exec "$(dirname "$0")/TARGET" "$@"
"""


def link_anvil() -> None:
    """Put Anvil beside the environment's other programs.

    The lock file has it for Linux on x86-64; on other machines an Anvil found on PATH serves.
    """
    link = VENV / "bin" / "anvil"
    native = sorted((NODE_MODULES / "@foundry-rs").glob("anvil-*/bin/anvil"))
    if not native:
        if shutil.which("anvil") is None:
            raise SetupError("no Anvil for this machine in package-lock.json: put one on PATH")
        return
    target = Path(os.path.relpath(native[0], link.parent))
    script = ANVIL_SCRIPT.replace("TARGET", str(target))
    if not link.is_symlink() and link.exists() and link.read_text() == script:
        return
    link.unlink(missing_ok=True)
    link.write_text(script)
    link.chmod(0o755)


# --- Compiler -------------------------------------------------------------------------------------


def choose_compiler(asked: str) -> str:
    """Return a description of the compiler in use, after installing it when there is none yet."""
    descriptions = {"native": "(native)", "npm": "(npm package solc, WebAssembly, cached)"}
    chosen = str(read_state().get("compiler", ""))
    if chosen in descriptions and asked in ("auto", chosen) and SOLC.exists():
        return descriptions[chosen]
    chosen = "native" if asked != "npm" and download_native_solc() else "npm"
    if asked == "native" and chosen != "native":
        raise SetupError(f"the native solc {SOLC_VERSION} could not be downloaded")
    if chosen == "npm":
        install_npm_solc()
    version = run([SOLC, "--version"], capture_output=True).stdout
    if f"Version: {SOLC_VERSION}" not in version:
        raise SetupError(f"{SOLC} answers with another version:\n{version}")
    write_state(read_state() | {"compiler": chosen})
    return descriptions[chosen]


def download_native_solc() -> bool:
    """Try once to get the native compiler through py-solc-x; leave nothing behind on failure."""
    say(f"looking for the native solc {SOLC_VERSION} (at most {NATIVE_TIMEOUT_SECONDS} s)")
    SOLC_FOLDER.mkdir(exist_ok=True)
    SOLC.unlink(missing_ok=True)
    program = f"import solcx; solcx.install_solc('{SOLC_VERSION}')"
    try:
        run(
            [VENV / "bin" / "python", "-c", program],
            capture_output=True,
            timeout=NATIVE_TIMEOUT_SECONDS,
            env={**os.environ, "SOLCX_BINARY_PATH": str(SOLC_FOLDER)},
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        SOLC.unlink(missing_ok=True)
    return SOLC.exists()


def install_npm_solc() -> None:
    """Write an executable that answers like solc, on top of the npm package."""
    node = shutil.which("node")
    if node is None:
        raise SetupError("node is not on PATH; install Node.js 20 or newer")
    SOLC_FOLDER.mkdir(exist_ok=True)
    replace(
        SOLC,
        "#!/bin/sh\n"
        f"SOLC_CACHE_DIR={quote(SOLC_CACHE)}\n"
        "export SOLC_CACHE_DIR\n"
        f'exec {quote(node)} {quote(ROOT / "tools" / "solc.cjs")} "$@"\n',
    )
    SOLC.chmod(SOLC.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


# --- Helpers --------------------------------------------------------------------------------------


def say(message: str) -> None:
    """Print progress at once, also into a pipe."""
    print(f"setup: {message}", flush=True)


def run(command: list[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program in the project folder; raise when it fails."""
    return subprocess.run(command, cwd=ROOT, check=True, text=True, **options)


def digest(*files: Path) -> str:
    """Hash the contents of files."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def quote(path: str | Path) -> str:
    """Quote for a POSIX shell."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def replace(file: Path, text: str) -> None:
    """Write a file in one step, and only when it differs."""
    if file.exists() and file.read_text() == text:
        return
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    partial.write_text(text)
    partial.replace(file)


def read_state() -> dict[str, Any]:
    """Return what earlier runs have installed."""
    try:
        state = json.loads(STATE_FILE.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(state: dict[str, Any]) -> None:
    """Remember what was installed."""
    replace(STATE_FILE, json.dumps(state, indent=2, sort_keys=True) + "\n")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep two set-ups of one checkout apart."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
