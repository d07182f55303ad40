"""JSONata as Step Functions speaks it: the only module that knows the engine (jlens). Usable from any thread.

Every evaluation is limited in steps, time, depth and size, so that a runaway expression ends in an error. One thing the
engine does not limit: comparing two values that share their parts many times over (2^40 leaves built in 40 steps).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import jlens

from flowd.entropy import Entropy
from flowd.errors import FlowdError
from flowd.payload import InvalidJson, loads

UNSUPPORTED_RESULT: Final = "UNSUPPORTED_RESULT"

# Steps are the limit that gives the same answer on every machine; the time limit is for what does not count as a step.
LIMITS: Final[Mapping[str, Any]] = {
    "timeout": 1.0,
    "max_steps": 10_000_000,
    "max_depth": 2_000,
    "max_string_length": 1 << 20,
    "max_array_length": 1 << 17,
    "max_result_size": 1 << 20,
}
HASHES: Final = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class Undefined:
    """The type of UNDEFINED."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()


class JsonataError(FlowdError):
    """An expression failed. `str()` is "CODE: text", as in AWS's "T1006: Attempted to invoke a non-function"."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def evaluate(expression: str, bindings: Mapping[str, Any], now_ms: int, entropy: Entropy) -> Any:
    """The expression's value as JSON, or UNDEFINED.

    `bindings` maps names without `$` to JSON values. `$now()` and `$millis()` tell `now_ms`; `$random`, `$uuid` and
    `$shuffle` draw from `entropy`. Raises JsonataError; its code is UNSUPPORTED_RESULT if the value is a function or
    not a number ("... returned an unsupported result type" on AWS).
    """
    program = _compile(expression)
    given: dict[str, Any] = {_HOST_NAMES.get(name, name): _ADDED[name](entropy) for name in program.added}
    given |= bindings if program.reads is None else _cut(bindings, program.reads)
    if program.refused_eval:
        given["eval"] = None
    seed = int.from_bytes(entropy.take(4), "big") if program.shuffles else 0
    try:
        text = program.code.evaluate_json(None, given, now=now_ms, seed=seed, **LIMITS)
    except jlens.JlensError as error:
        raise _error(error) from None
    except (TypeError, ArithmeticError, ValueError, RecursionError) as error:  # a binding such as 10^400
        raise JsonataError("D1001", f"A value cannot be represented: {error}") from None
    return UNDEFINED if text is None else loads(text)


def check(expression: str) -> str | None:
    """What is wrong with the expression ("S0207: Unexpected end of expression"), None if nothing is. `$eval`, which
    Step Functions removed, is named here."""
    try:
        program = _compile(expression)
    except JsonataError as error:
        return str(error)
    return "Reference to '$eval' is not supported. Use $parse to read JSON text." if program.refused_eval else None


def variables(expression: str) -> set[str]:
    """Names (without `$`) that the expression takes from outside: variables, `states`, unknown functions, `eval` if it
    is called. Functions that exist, names bound inside and parameters are not among them. Raises JsonataError."""
    program = _compile(expression)
    return set(program.names) | ({"eval"} if program.refused_eval else set())


def whole_match(source: str, flags: str) -> Callable[[str], bool]:
    """A test whether a regular expression covers a whole text, in bounded time. Raises JsonataError here for a bad
    expression or an unknown flag (`i` and `m` are known), and from the test if it takes too long."""
    if set(flags) - {"i", "m"}:
        raise JsonataError("S0302", f"Unknown flags of a regular expression: {flags}")
    code = _parse(f"$contains($s, /^(?:{source})$/{flags})")

    def test(text: str) -> bool:
        try:
            return bool(code.evaluate_json(None, {"s": text}, **LIMITS) == "true")
        except jlens.JlensError as error:
            raise _error(error) from None

    return test


class _Program(NamedTuple):
    code: Any  # jlens.Expression
    names: frozenset[str]
    reads: Mapping[str, Any] | None  # what it reads of its bindings; None: perhaps everything
    added: tuple[str, ...]
    refused_eval: bool
    shuffles: bool


@lru_cache(maxsize=4096)
def _compile(expression: str) -> _Program:
    plain = _parse(expression)
    added = tuple(name for name in _ADDED if name in expression)
    reads = plain.reads()
    everything = bool(reads.get("everyBinding"))
    return _Program(
        code=_parse(_wrap(expression, "parse" in added)),
        names=frozenset(reads["bindings"]) - _ADDED.keys(),
        reads=None if everything else {n: tree for n, tree in reads["bindings"].items() if n not in added},
        added=added,
        refused_eval=everything and "eval" in expression,
        shuffles="shuffle" in expression,
    )


# A function or NaN would leave the engine as nothing or null: they are told apart inside. `$parse` goes through an
# array because a host function cannot hand in null. NaN is an empty "object" to $type that does not equal itself.
_PARSE: Final = "$parse := function($text) { $_parse($text)[0] };"
_BEGIN: Final = "$_value := ("
_END: Final = """
); $_type := $type($_value);
$_type = "function" or $_type = "object" and $not($boolean($_value)) and $_value != $_value
? $error("UNSUPPORTED_RESULT") : $_value"""


def _wrap(expression: str, with_parse: bool) -> str:
    return f"({_PARSE if with_parse else ''}{_BEGIN}{expression}{_END})"


def _parse(source: str) -> Any:
    try:
        return jlens.Expression(source)
    except jlens.JlensError as error:
        raise _error(error) from None
    except (ValueError, RecursionError) as error:
        raise JsonataError("S0201", f"Syntax error: {error}") from None


def _error(error: Any) -> JsonataError:
    if error.code == "D3137" and str(error) == UNSUPPORTED_RESULT:
        return JsonataError(UNSUPPORTED_RESULT, "The value is a function or not a number")
    return JsonataError(error.code, str(error))


def _cut(value: Any, reads: Any) -> Any:
    """The parts of a value that are read: handing over a large input costs more than most expressions."""
    if reads is True or not isinstance(value, Mapping):
        return value
    return {name: _cut(value[name], below) for name, below in reads.items() if name in value}


def _refuse(function: str, argument: int) -> JsonataError:
    return JsonataError("T0410", f"Argument {argument} of function {function} does not match function signature")


def _integer(value: Any, function: str, argument: int) -> int:
    """A whole number; fractions are rounded, as the intrinsic functions do it."""
    if type(value) not in (int, float):
        raise _refuse(function, argument)
    if not math.isfinite(value):
        raise _refuse(function, argument)
    rounded: int = math.floor(value + 0.5)
    return rounded


def _partition(array: Any = None, size: Any = None) -> Any:
    if array is None:
        return None
    step = _integer(size, "partition", 2)
    if step < 1:
        raise _refuse("partition", 2)
    items = array if type(array) is list else [array]
    return [items[at : at + step] for at in range(0, len(items), step)]


def _range(first: Any = None, last: Any = None, step: Any = None) -> Any:
    begin, end, by = (_integer(v, "range", n) for n, v in enumerate((first, last, step), 1))
    if by == 0:
        raise _refuse("range", 3)
    numbers = range(begin, end + (1 if by > 0 else -1), by)
    if len(numbers) > LIMITS["max_array_length"]:
        raise JsonataError("D2014", f"The size of the sequence allocated by range is too large: {len(numbers)}")
    # A sequence of one is that one, and an empty one is nothing [TestArrayJSONata::test_array_range].
    return list(numbers) if len(numbers) > 1 else next(iter(numbers), None)


def _hash(data: Any = None, algorithm: Any = None) -> Any:
    if data is None:
        return None
    if type(data) is not str:
        raise _refuse("hash", 1)
    if algorithm not in HASHES:
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
        if seed is None:
            return entropy.uniform()
        if type(seed) not in (int, float):
            raise _refuse("random", 1)
        return Entropy(repr(float(seed)).encode()).uniform()

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
