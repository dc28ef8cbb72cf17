"""Let all programs of the virtual environment find the project, Anvil, compiler and local nodes.

`make setup` copies this module into the site-packages of `.venv` and imports it from a `.pth` file,
so that `.venv/bin/ape` behaves alike with and without an activated environment. It runs at each
start of the interpreter: keep it small, and never override what the user has set.
"""

import os
import sys

_BIN = os.path.join(sys.prefix, "bin")

_DEFAULTS = {
    "SOLCX_BINARY_PATH": os.path.join(sys.prefix, "solcx"),
    "ENERGY_GRID_DEVNET_URI": "http://127.0.0.1:8645",
    "ENERGY_GRID_UPSTREAM_URI": "http://127.0.0.1:8745",
}

_path = os.environ.get("PATH", os.defpath)
if _BIN not in _path.split(os.pathsep):
    os.environ["PATH"] = _BIN + os.pathsep + _path

for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)

# The project's packages, ahead of the site-packages: some distributions install a `tests` there.
_root = os.path.dirname(sys.prefix)
if _root not in sys.path:
    _site = [index for index, entry in enumerate(sys.path) if entry.endswith("site-packages")]
    sys.path.insert(_site[0] if _site else len(sys.path), _root)
