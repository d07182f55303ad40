"""The small page by which a person decides. Pure: values in, HTML out; everything foreign is escaped.

It works without scripts, and nothing is decided by opening it: mail scanners open links.
"""

from __future__ import annotations

from html import escape
from typing import Any

from flowd.api.front.links import Choice
from flowd.api.front.requests import Reply

_HEADERS = [
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
]
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}"
    "button{font:inherit;padding:.5rem 1.2rem;margin:0 .5rem .5rem 0}dt{color:#666}dd{margin:0 0 .6rem}"
    "textarea{width:100%;font:inherit}pre{white-space:pre-wrap;overflow-wrap:anywhere}"
)


def question(title: str, message: str, facts: dict[str, str], choices: tuple[Choice, ...], fault: str = "") -> Reply:
    """What is asked, and a button for each choice."""
    buttons = "".join(
        f'<button name="choice" value="{index}">{escape(choice.label)}</button>' for index, choice in enumerate(choices)
    )
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    problem = f'<p role="alert"><strong>{escape(fault)}</strong></p>' if fault else ""
    body = (
        f"<h1>{escape(title)}</h1>{problem}<pre>{escape(message)}</pre><dl>{told}</dl>"
        '<form method="post"><p><label>Comment (optional)<br><textarea name="comment" rows="2"></textarea></label></p>'
        f"{buttons}</form>"
    )
    return _page(400 if fault else 200, title, body)


def note(status: int, title: str, message: str) -> Reply:
    """Nothing to decide (any more)."""
    return _page(status, title, f"<h1>{escape(title)}</h1><p>{escape(message)}</p>")


def _page(status: int, title: str, body: str) -> Reply:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    text = f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>'
    return Reply(status, text.encode(), list(_HEADERS))


def shown(value: Any) -> str:
    """A fact of the question as text."""
    return value if isinstance(value, str) else str(value)
