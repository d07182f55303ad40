"""Copy what was made to the published folder, with an index that names each file's size and digest."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from clips import folder, slug


def _publish(source: Path, target: Path) -> dict[str, Any]:
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, part)
    part.replace(target)
    return {"name": target.name, "bytes": target.stat().st_size, "sha256": hashlib.sha256(target.read_bytes()).hexdigest()}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"title", "clip", "produced": {"renditions", "poster"}} -> {"folder", "index", "files"}; the index comes last."""
    place = folder(f"published/{slug(event['title'])}")
    made = [Path(item["file"]) for item in (*event["produced"]["renditions"], event["produced"]["poster"])]
    files = [_publish(path, place / path.name) for path in made]
    index = {"title": event["title"], "seconds": event["clip"]["seconds"], "files": files}
    part = place / ".index.json.part"
    part.write_text(json.dumps(index, indent=2))
    part.replace(place / "index.json")
    return {"folder": str(place), "index": str(place / "index.json"), "files": files}
