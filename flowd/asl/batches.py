"""ItemBatcher: the inputs of a Map's iterations put together, so that one child takes several items.

Pure: payloads in, payloads out. Texts are joined, never parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowd.payload import Payload


def batches(
    inputs: Sequence[Payload], most_items: int, most_bytes: int, batch_input: Payload | None
) -> Iterator[Payload]:
    """Each child's input: `{"Items": [...]}`, with `BatchInput` if there is one, as large as both limits allow.

    0 is no limit. `most_bytes` counts the whole input in UTF-8; an item that is too large by itself goes alone.
    """
    ending = "]}" if batch_input is None else f'],"BatchInput":{batch_input.text}}}'
    empty_bytes = len('{"Items":[') + len(ending.encode())
    batch: list[str] = []
    size = empty_bytes
    for item in inputs:
        added = item.size + (1 if batch else 0)
        if batch and (len(batch) == most_items or (most_bytes and size + added > most_bytes)):
            yield _joined(batch, ending)
            batch, size, added = [], empty_bytes, item.size
        batch.append(item.text)
        size += added
    if batch:
        yield _joined(batch, ending)


def _joined(batch: list[str], ending: str) -> Payload:
    return Payload(text=f'{{"Items":[{",".join(batch)}{ending}')
