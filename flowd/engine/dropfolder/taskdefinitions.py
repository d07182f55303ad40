"""`NAME.taskdef.json` -> a task definition, checked; the JSON that `aws ecs register-task-definition` takes."""

from __future__ import annotations

import os
import shutil
from typing import Any, NamedTuple

from flowd.asl.diagnostics import Diagnostic
from flowd.asl.positions import locate, read_json
from flowd.config import Config
from flowd.engine.dropfolder.snapshot import TASK_DEFINITION_INVALID, TaskDefinitionFile
from flowd.errors import ConfigError
from flowd.services.ecs.definitions import InvalidDefinition, Site, check

ENGINES = ("podman", "docker")


def site_of(config: Config) -> Site:
    """What this box has for containers, as configured or as found."""
    wanted = config.ecs.engine
    names = () if wanted == "none" else (wanted,) if wanted else ENGINES
    engine = next((path for name in names if (path := shutil.which(name))), "")
    if wanted not in ("", "none") and not engine:
        raise ConfigError(f"[ecs] engine: there is no program {wanted}; `none` does without")
    return Site(region=config.region, account=config.account, engine=engine, local_images=config.ecs.local_images)


class Read(NamedTuple):
    """What one file is: a task definition, or what is wrong with it."""

    definition: TaskDefinitionFile | None
    diagnostics: tuple[Diagnostic, ...] = ()


def read_task_definition(text: str, path: str, source: str, site: Site) -> Read:
    """The definition in `text`. Relative paths of its commands count from its folder."""
    members, problems = read_json(text)
    if problems:
        return Read(None, tuple(problems))
    if not isinstance(members, dict):
        return Read(None, (_diagnostic(text, "a task definition is a JSON object", ""),))
    name = os.path.basename(path).removesuffix(".taskdef.json")
    members = {"family": name, **members}  # the file's name, unless it says another one
    return checked(members, os.path.dirname(path), source, site, text)


def checked(members: dict[str, Any], folder: str, source: str, site: Site, text: str) -> Read:
    """As `read_task_definition`, of members that are read already."""
    try:
        check(members, site)
    except InvalidDefinition as error:
        return Read(None, (_diagnostic(text, str(error), error.location),))
    return Read(TaskDefinitionFile(name=members["family"], members=members, folder=folder, source=source))


def _diagnostic(text: str, message: str, location: str) -> Diagnostic:
    line, column = locate(text, location or None)
    return Diagnostic("ERROR", TASK_DEFINITION_INVALID, message, location or None, line, column)
