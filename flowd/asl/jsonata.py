"""JSONata as Step Functions speaks it: the only module that knows the engine (jlens). Usable from any thread.

Every evaluation is limited in steps, time, depth and size, so that a runaway expression ends in an error. One thing the
engine does not limit: comparing or showing values that share their parts many times over (2^40 leaves built in 40
steps). An expression that could build such a value is therefore evaluated by whoever `evaluate_apart` was given, who
can end it; without one it is evaluated here.

The limits, their texts and the corners of the added functions are those that users measured on AWS (floci-io/floci
issues 2662, 2736, 2737, pull requests 2676, 2783, 2790). Known to differ: a number that is infinite, or NaN inside of
an array or object, which AWS writes as a string; and integers between 2^53 and 2^63 that an expression computes with,
which AWS keeps exact.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import jlens

from flowd.asl import exactness
from flowd.asl.javarandom import JavaRandom
from flowd.entropy import Entropy
from flowd.errors import FlowdError
from flowd.payload import InvalidJson, dumps, loads

UNSUPPORTED_RESULT: Final = "UNSUPPORTED_RESULT"

# Steps give the same answer on every machine; the second (AWS: "takes longer than 1 second") is for what is no step.
# AWS nests 100 deep (the wrapper below takes 3 of these 103) and holds 873,782 numbers or 6,990,256 bytes.
LIMITS: Final[Mapping[str, Any]] = {
    "timeout": 1.0,
    "max_steps": 10_000_000,
    "max_depth": 103,
    "max_string_length": 6_990_256,
    "max_array_length": 873_782,
    "max_result_size": 1 << 20,
}
MAX_RANGE: Final = 360_145  # numbers from one $range
HASHES: Final = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class Undefined:
    """The type of UNDEFINED."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()


class JsonataError(FlowdError):
    """An expression failed. `str()` is "CODE: text", as in AWS's "T1006: Attempted to invoke a non-function".

    The limits have no code on AWS (`code` is empty) and another punctuation, so `ending` is what follows the words
    "threw an error during evaluation": ". T1006: Attempted ..." or ": Expression evaluation memory limit exceeded ...".
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}" if code else text)
        self.code = code
        self.text = text

    @property
    def ending(self) -> str:
        return f"{'.' if self.code else ':'} {self}"


def evaluate(expression: str, bindings: Mapping[str, Any], now_ms: int, entropy: Entropy) -> Any:
    """The expression's value as JSON, or UNDEFINED.

    `bindings` maps names without `$` to JSON values. `$now()` and `$millis()` tell `now_ms`; `$random`, `$uuid` and
    `$shuffle` draw from `entropy`. Raises JsonataError; its code is UNSUPPORTED_RESULT if the value is a function
    ("... returned an unsupported result type" on AWS). NaN is the string "NaN".
    """
    program = _compile(expression)
    given: dict[str, Any] = dict(bindings) if program.reads is None else _cut(bindings, program.reads)
    # A variable goes before the added function of its name.
    given.update({name: bindings[name] for name in program.added if name in bindings})
    if program.builds and _apart is not None:
        text = _ask(_apart, expression, given, now_ms, entropy.take(16))
    else:
        text = _run(program, given, now_ms, Entropy(entropy.take(16)) if program.builds else entropy)
    if text is None:
        return UNDEFINED
    found = loads(text)
    return found if program.named is None else exactness.restored(program.named, bindings, found)


class Answer(NamedTuple):
    """What became of an expression: its value as JSON text, None for nothing; or the code and text of its error."""

    text: str | None
    code: str = ""
    error: str | None = None


#: Expression, bindings as JSON text, the time, the seed of its chance -> what `answer` says, or an error in time.
Apart = Callable[[str, str, int, bytes], Answer]
_apart: Apart | None = None


def evaluate_apart(by: Apart | None) -> None:
    """From now on expressions that build values are evaluated `by` somebody who can end them; None: here."""
    global _apart
    _apart = by


def answer(expression: str, bindings: str, now_ms: int, seed: bytes) -> Answer:
    """One evaluation for somebody else, as an Apart gives it."""
    try:
        return Answer(_run(_compile(expression), loads(bindings), now_ms, Entropy(seed)))
    except JsonataError as error:
        return Answer(None, error.code, error.text)


def timed_out() -> Answer:
    """What an Apart says of an evaluation that it had to end."""
    return Answer(None, "", _TIMEOUT)


def _ask(by: Apart, expression: str, given: Mapping[str, Any], now_ms: int, seed: bytes) -> str | None:
    found = by(expression, dumps(given), now_ms, seed)
    if found.error is not None:
        raise JsonataError(found.code, found.error)
    return found.text


def _run(program: _Program, given: dict[str, Any], now_ms: int, entropy: Entropy) -> str | None:
    added = {_HOST_NAMES.get(name, name): _ADDED[name](entropy) for name in program.added if name not in given}
    refused = {"eval": None} if program.refused_eval else {}
    seed = int.from_bytes(entropy.take(4), "big") if program.shuffles else 0
    try:
        text: str | None = program.code.evaluate_json(None, given | added | refused, now=now_ms, seed=seed, **LIMITS)
    except jlens.JlensError as error:
        raise _error(error) from None
    except (TypeError, ArithmeticError, ValueError, RecursionError) as error:  # a binding such as 10^400
        raise JsonataError("D1001", f"A value cannot be represented: {error}") from None
    return text


def check(expression: str) -> str | None:
    """What is wrong with the expression ("S0207: Unexpected end of expression"), None if nothing is.

    A field name at the top level, or `$$`, is wrong as well, since nothing is there to read (AWS: "Reference to 'phone'
    at the top level is not supported."). A call of `$eval` is not: on AWS it fails when it runs (T1006).
    """
    try:
        return _compile(expression).misplaced
    except JsonataError as error:
        return str(error)


def variables(expression: str) -> set[str]:
    """Names (without `$`) that the expression takes from outside: variables, `states`, unknown functions, `eval` if it
    is called. Functions that exist, names bound inside and parameters are not among them. Raises JsonataError."""
    program = _compile(expression)
    return set(program.names) | ({"eval"} if program.refused_eval else set())


def states_members(expression: str) -> set[str]:
    """Which members of `$states` the expression names (`{"result"}`). Raises JsonataError."""
    states = _parse(expression).reads()["bindings"].get("states")
    return set(states) if isinstance(states, dict) else set()


class _Program(NamedTuple):
    code: Any  # jlens.Expression
    names: frozenset[str]
    reads: Mapping[str, Any] | None  # what it reads of its bindings; None: perhaps everything
    added: tuple[str, ...]
    builds: bool
    refused_eval: bool
    shuffles: bool
    misplaced: str | None  # what check() says
    named: tuple[str, ...] | None  # the names that it consists of, if it is a mere reference


@lru_cache(maxsize=4096)
def _compile(expression: str) -> _Program:
    plain = _parse(expression)
    added = tuple(name for name in _ADDED if name in expression)
    reads = plain.reads({name: _nothing for name in added})
    everything = bool(reads.get("everyBinding"))
    code = _LITERALS.sub(" ", expression)
    return _Program(
        code=_parse(_wrap(expression, "parse" in added)),
        names=frozenset(reads["bindings"]) - _ADDED.keys(),
        reads=None if everything else {n: tree for n, tree in reads["bindings"].items() if n not in added},
        added=added,
        builds=_BUILDS.search(code) is not None,
        refused_eval=everything and "eval" in expression,
        shuffles="shuffle" in expression,
        misplaced=_misplaced(code, reads.get("input")),
        named=exactness.reference(expression),
    )


def _nothing(*arguments: Any) -> None:
    return None


def _misplaced(code: str, top_level: Any) -> str | None:
    if "$$" in code:
        return "Reference to '$$' is not supported."
    if isinstance(top_level, dict) and top_level:
        return f"Reference to '{next(iter(top_level))}' at the top level is not supported."
    return None


_LITERALS: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|' r"'(?:[^'\\]|\\.)*'" r"|`[^`]*`|/\*.*?\*/|(?<=[,(\[~>=])\s*/(?:[^/\\]|\\.)+/", re.DOTALL
)

# What can use a value twice in what it makes of it, over and over: variables, functions, transforms, and steps that
# make something of every value before them. An object or a block alone is no larger than its text and what it reads.
_BUILDS: Final = re.compile(r":=|~>|\||\bfunction\b|λ|\.\s*[({\[]|[^\s({\[,;:?&=<>!+*/-]\s*\{")

# A function or NaN would leave the engine as nothing or null: they are told apart inside. `$parse` goes through an
# array because a host function cannot hand in null, nor tell a null that it is given from nothing. NaN is an empty
# "object" to $type that does not equal itself.
_PARSE: Final = "$parse := $exists($_parse) ? function($text) { $_parse($text = null ? 0 : $text)[0] } : $parse;"
_BEGIN: Final = "$_value := ("
_END: Final = """
); $_type := $type($_value);
$_type = "function" ? $error("UNSUPPORTED_RESULT")
: $_type = "object" and $not($boolean($_value)) and $_value != $_value ? "NaN" : $_value"""


def _wrap(expression: str, with_parse: bool) -> str:
    return f"({_PARSE if with_parse else ''}{_BEGIN}{expression}{_END})"


def _parse(source: str) -> Any:
    try:
        return jlens.Expression(source)
    except jlens.JlensError as error:
        raise _error(error) from None
    except (ValueError, RecursionError) as error:
        raise JsonataError("S0201", f"Syntax error: {error}") from None


_TIMEOUT: Final = "Expression evaluation timeout: Check for infinite loop"
_MEMORY: Final = "Expression evaluation memory limit exceeded: Check for excessive memory usage"
_DEPTH: Final = (
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive"
)
_NO_CODE: Final = frozenset({"D3010", "D3011"})  # of $replace, which on AWS are told without their code
_LIMIT_TEXTS: Final = {"D1011": _DEPTH, "D1012": _TIMEOUT, "U1006": _TIMEOUT, "U1001": _MEMORY}


def _error(error: Any) -> JsonataError:
    """The error as AWS words it; U1001, beside the memory limits, is a text nested too deeply to parse."""
    text = str(error)
    if error.code == "D3137" and text == UNSUPPORTED_RESULT:
        return JsonataError(UNSUPPORTED_RESULT, "The value is a function")
    if error.code in _LIMIT_TEXTS:
        return JsonataError("", _DEPTH if "nested too deeply" in text else _LIMIT_TEXTS[error.code])
    if error.code in _NUMBERS_SAID or error.code.startswith("S02"):
        text = _WHOLE.sub(r"\1", text)
    return JsonataError("" if error.code in _NO_CODE else error.code, text)


#: Errors that tell a number of the expression. JavaScript, whose texts AWS passes on, writes a whole one without `.0`.
_NUMBERS_SAID: Final = frozenset({"D2016", "D3060", "D3061", "D3100"})
_WHOLE: Final = re.compile(r'(?<!["\w.])(-?\d+)\.0(?![\w"])')


def _cut(value: Any, reads: Any) -> Any:
    """The parts of a value that are read: handing over a large input costs more than most expressions."""
    if reads is True or not isinstance(value, Mapping):
        return value
    return {name: _cut(value[name], below) for name, below in reads.items() if name in value}


def _refuse(function: str, argument: int) -> JsonataError:
    return JsonataError("T0410", f'Argument {argument} of function "{function}" does not match function signature')


def _integer(value: Any, function: str, argument: int) -> int:
    """A whole number; fractions are cut off, as on AWS, where $range(-1.7, 2, 1) begins at -1."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _refuse(function, argument)
    return int(value)


def _partition(array: Any = None, size: Any = None) -> Any:
    if array is None or size is None:
        return None
    step = _integer(size, "partition", 2)
    if step < 0:
        raise _refuse("partition", 2)
    items = array if type(array) is list else [array]
    return [items[at : at + step] for at in range(0, len(items), step)] if items and step else None


def _range(first: Any = None, last: Any = None, step: Any = None) -> Any:
    if first is None or last is None or step is None:
        return None
    begin, end, by = (_integer(v, "range", n) for n, v in enumerate((first, last, step), 1))
    if by == 0:
        return None
    numbers = range(begin, end + (1 if by > 0 else -1), by)
    # Counted by hand: len() refuses ranges beyond 2^63.
    if abs(end - begin) // abs(by) >= MAX_RANGE and (end > begin) == (by > 0):
        raise JsonataError("", _MEMORY)
    # A sequence of one is that one, and an empty one is nothing [TestArrayJSONata::test_array_range].
    return list(numbers) if len(numbers) > 1 else next(iter(numbers), None)


def _hash(data: Any = None, algorithm: Any = None) -> Any:
    if data is None or algorithm is None:
        return None
    if type(data) is not str:
        raise _refuse("hash", 1)
    if type(algorithm) is not str or algorithm not in HASHES:
        raise _refuse("hash", 2)
    return hashlib.new(HASHES[algorithm], data.encode(), usedforsecurity=False).hexdigest()


def _parse_json(text: Any = None) -> Any:
    if text is None:
        return None
    if type(text) is not str:
        raise _refuse("parse", 1)
    try:
        return [loads(text)]
    except InvalidJson as error:
        raise JsonataError("D3120", f"Syntax error in JSON text passed to function parse: {error}") from None


def _random(entropy: Entropy) -> Callable[..., float]:
    def draw(seed: Any = None) -> float:
        return entropy.uniform() if seed is None else JavaRandom(_integer(seed, "random", 1)).uniform()

    return draw


def _at_most(count: int, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        if len(arguments) > count:
            raise _refuse(name, count + 1)
        return function(*arguments)

    return call


_ADDED: Final[dict[str, Callable[[Entropy], Callable[..., Any]]]] = {
    "partition": lambda entropy: _at_most(2, "partition", _partition),
    "range": lambda entropy: _at_most(3, "range", _range),
    "hash": lambda entropy: _at_most(2, "hash", _hash),
    "random": lambda entropy: _at_most(1, "random", _random(entropy)),
    "uuid": lambda entropy: _at_most(0, "uuid", entropy.uuid4),
    "parse": lambda entropy: _at_most(1, "parse", _parse_json),
}
_HOST_NAMES: Final = {"parse": "_parse"}  # the others are bound under their own names
