"""Where the files of a function's layers are looked for, as below /opt on Lambda (developer guide, "Packaging layers").

Later layers stand in front of earlier ones, whose files they replace there. The code of a layer finds its files beside
itself: there is no /opt here.
"""

from __future__ import annotations

import os
import sys

from flowd.functions import FunctionSpec, Kind, Layer

#: Files that say what is to be installed, by the language that reads them.
REQUIREMENTS = {"python": "requirements.txt", "node": "package.json"}
#: The variable by which each language is told where packages are.
VARIABLES: dict[Kind, str] = {"python": "PYTHONPATH", "node": "NODE_PATH"}


def search(spec: FunctionSpec) -> dict[str, list[str]]:
    """Variable -> folders that the layers add to it."""
    found: dict[str, list[str]] = {}
    for layer in reversed(spec.layers):
        if spec.kind in VARIABLES:
            found.setdefault(VARIABLES[spec.kind], []).extend(_modules(layer, spec.kind))
        found.setdefault("PATH", []).append(os.path.join(layer.folder, "bin"))
        found.setdefault("LD_LIBRARY_PATH", []).append(os.path.join(layer.folder, "lib"))
    return found


def _modules(layer: Layer, kind: Kind) -> list[str]:
    if kind == "node":
        return [os.path.join(layer.folder, "node_modules" if layer.built else os.path.join("nodejs", "node_modules"))]
    if layer.built:
        return [layer.folder]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = os.path.join(layer.folder, "python")
    return [os.path.join(python, "lib", version, "site-packages"), python]
