"""Calls the examples' functions for real: Python handlers in this process, executables as programs.

What comes back is what Lambda's contract says: the result as JSON, or the error's name and its cause as JSON text.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


class FunctionError(Exception):
    """The function failed: `name` is what ErrorEquals sees."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"{name}: {cause}")
        self.name, self.cause = name, cause


class Code:
    """The functions of one folder, with the examples' files below `state`."""

    def __init__(self, folder: str, state: Path) -> None:
        self.folder, self.state = WORKFLOWS / folder, state
        self.calls: list[str] = []

    def call(self, name: str, event: Any) -> Any:
        """Run `name` on a copy of `event`, and count it."""
        self.calls.append(name)
        path = self.folder / name
        return self._execute(path, event) if path.exists() else self._import_and_call(path.with_suffix(".py"), event)

    def _execute(self, path: Path, event: Any) -> Any:
        environ = {**os.environ, "FLOWD_EXAMPLES_DIR": str(self.state)}
        done = subprocess.run(
            [str(path)], input=json.dumps(event), capture_output=True, text=True, env=environ, timeout=30, check=False
        )
        if done.returncode:
            raise FunctionError(f"Exit.{done.returncode}", done.stderr)
        return json.loads(done.stdout)

    def _import_and_call(self, path: Path, event: Any) -> Any:
        before = set(sys.modules)
        sys.path.insert(0, str(self.folder))
        os.environ["FLOWD_EXAMPLES_DIR"] = str(self.state)
        try:
            spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
            assert spec is not None and spec.loader is not None, path
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return json.loads(json.dumps(module.handler(json.loads(json.dumps(event)), None)))
        except Exception as error:
            cause = {"errorMessage": str(error), "errorType": type(error).__name__}
            raise FunctionError(type(error).__name__, json.dumps(cause)) from error
        finally:
            del os.environ["FLOWD_EXAMPLES_DIR"]
            sys.path.remove(str(self.folder))
            # The examples' own packages have short names, and another example may use the same ones.
            for name in set(sys.modules) - before:
                if str(self.folder) in str(getattr(sys.modules[name], "__file__", "")):
                    del sys.modules[name]
