"""Reads one code-first workflow file with its modules, for the drop folder: texts and syntax trees, nothing is run."""

from __future__ import annotations

import os
import posixpath

from flowd.asl.diagnostics import Diagnostic
from flowd.engine.dropfolder.reading import Reader, Unusable
from flowd.engine.dropfolder.snapshot import WorkflowFile
from flowd.sdk.check import check
from flowd.sdk.sources import Finding, load


def read_workflows(root: str, path: str, reader: Reader) -> tuple[WorkflowFile | None, list[Diagnostic]]:
    """The file at `path` (below `root`), None if something is to be said against it.

    Raises Unsettled while it or one of its modules is being written.
    """

    def read(name: str) -> str | None:
        try:
            return reader.text(os.path.join(root, name))
        except (Unusable, FileNotFoundError, NotADirectoryError):
            return None

    sources = load(path, read)
    checked = check(sources)
    if checked.findings:
        return None, [diagnostic(path, each) for each in checked.findings]
    found = WorkflowFile(
        path=path,
        version=sources.version,
        names=tuple(each.name for each in checked.workflows),
        texts=sources.texts,
    )
    return found, []


def diagnostic(path: str, finding: Finding) -> Diagnostic:
    """A finding, told of the workflow file; one in a module names the module."""
    folder = posixpath.dirname(path)
    elsewhere = finding.path not in (path, posixpath.relpath(path, folder or "."))
    message = f"{finding.path}:{finding.line}: {finding.message}" if elsewhere else finding.message
    line, column = (1, 1) if elsewhere else (finding.line, finding.column)
    return Diagnostic("ERROR", finding.code, message, None, line, column)
