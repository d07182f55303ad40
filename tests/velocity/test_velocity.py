"""Velocity templates: what they write, and what is refused with its place."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flowd import patterns
from flowd.velocity import Broken, Invalid, Thing, compile_template, evaluate, render
from flowd.velocity.methods import given


def written(text: str, **values: Any) -> str:
    return render(compile_template(text, {"thing": frozenset({"twice", "name"})}), values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain # text, $ 5 and #tag", "plain # text, $ 5 and #tag"),
        ("$n ${n}th $!n $!none|$none|${none}|", "7 7th 7 |$none|${none}|"),
        ("a ## to the end\nb #* over\nlines *#c #[[ $n #if ]]#", "a b c  $n #if "),
        ("$m.a.b $m['a']['b'] $m.get('a').b $l[1] $l.get(0) $l[-1]", "1 1 1 y x y"),
        ("$m.none|$m.none.more|$m.a", "|| {b=1}".replace(" ", "")),
        ("$t.length(). Next. $t.foo", "5. Next. "),
        ('#set($x = "n is $n!")$x #set($x = \'$n\')$x #set($x = "say ""hi""")$x', 'n is 7! $n say "hi"'),
        ("#set($x = 1 + 2 * 3 - -1)$x #set($y = (1 + 2) * 3 % 5)$y #set($z = 7 / 2)$z", "8 4 3"),
        ("#set($x = 'a' + $n + 'b')$x", "a7b"),
        ("#set($x = -7 / 2)$x #set($x = -7 % 4)$x #set($x = 1.5 + 1)$x #set($x = 1 / 0)[$!x]", "-3 -3 2.5 []"),
        ("#if($n == 7 && !$none)yes#{else}no#end", "yes"),
        ("#if($n > 8)a#elseif($n <= 6)b#{elseif}($n ne 7)c#else d#end", "d"),
        ("#if($n gt 6 and not false or $none)y#end", "y"),
        ("#if('')empty is true#end", "empty is true"),
        ("#if($m.none == '')absent is empty#end#if($none == $null)!#end", "absent is empty!"),
        ("#if('7' == $n)as texts#end", "as texts"),
        ("#foreach($x in [1..3])$x#if($foreach.hasNext),#end#end", "1,2,3"),
        ("#foreach($x in [3..1])$foreach.index$x#end$!x", "031221"),
        ("#foreach($x in $m.a.entrySet())$x.key=$x.value$x.getKey()#end", "b=1b"),
        ("#foreach($x in ['a', 'b'])#foreach($y in [1, 2])$x$y$foreach.parent.count #end#end", "a11 a21 b12 b22 "),
        (
            "#set($q = [1, [2, {'a': [3]}]])#if($q == [1, [2, {'a': [3]}]])same#end $q.indexOf([2, {'a': [3]}])",
            "same1",
        ),
        (
            "#set($q = [[1], 2])$q.contains([1]) $q.remove([1]) $q $q.remove('x') $q.equals([2])",
            "true true [2] false true",
        ),
        ("#foreach($x in [1..9])#if($x == 3)#break#end$x#end!#stop never", "12!"),
        ("#foreach($x in $none)never#end", ""),
        (
            "#set($d = {'k': 1})#set($d.z = [2])#set($d['y'] = 3)$d $d.size() $d.keySet()",
            "{k=1, z=[2], y=3} 3 [k, z, y]",
        ),
        ("#set($l[0] = 'q')$l#set($ok = $l.add('z'))$l.size()", "[q, y]3"),
        (r"\$n \\$n \$none \#if(1) \x", r"$n \7 \$none #if(1) \x"),
        ("$t.replaceAll('l+', '[$0]') $t.replaceAll(\"(h)(e)\", '$2$1') $t.substring(1,3)", "he[ll]o ehllo el"),
        ("#set($x = $c.split(','))$x", "[a, b]"),
        (
            "$t.split('') $t.split('l') $t.split('l', -1) $t.split('o') $t.split('o', 2)",
            "[h, e, l, l, o] [he, , o] [he, , o] [hell] [hell, ]",
        ),
        (
            "$t.split('(l)') $t.split('l', 1) $t.split('l', 2) $t.split('x') $t.split('.')",
            "[he, , o] [hello] [he, lo] [hello] []",
        ),
        ("$t.replaceAll('x*', '-') $t.replaceFirst('l', 'L') $t.replace('l', '.*')", "-h-e-l-l-o- heLlo he.*.*o"),
        (r"$t.replaceAll('(?<n>h)', '${n}$12\$') $t.replaceAll('\p{L}+', '\\x')", r"hh2$ello \x"),
        (r"$t.matches('[a-z&&[^x]]++') $t.matches('hell') $t.replaceAll('\Qll\E', '')", "true false heo"),
        (r"\\\ plain\ #if(1)a\ #end", r"\\\ plain\ a\ "),
        ("$t.toUpperCase() $t.indexOf('l') $t.contains('ell') $t.empty $t.isEmpty()", "HELLO 2 true false false"),
        ("$n.toString().equals('7') $n.parseInt('12') $m.toString()", "true 12 {a={b=1}}"),
        ("$thing.twice('x') $thing.name", "xx n"),
        ("#set($x = true)$x $l.isEmpty()", "true false"),
        ("#if($n)\n  line\n#end\nnext", "  line\nnext"),
    ],
)
def test_a_template_writes(text: str, expected: str) -> None:
    values = {
        "n": 7,
        "t": "hello",
        "c": "a,b,,",
        "m": given({"a": {"b": 1}}),
        "l": ["x", "y"],
        "thing": Thing({"twice": lambda text: text * 2}, {"name": "n"}),
    }
    assert written(text, **values) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n  #if($x) b", "line 2, column 3: #if has no #end"),
        ("#end", "line 1, column 1: there is nothing"),
        ("#foreach($x in [1])#else#end", "#foreach has no #else"),
        ("x #macro(m)#end", "line 1, column 3: #macro is not built in flowd"),
        ("#parse('x')", "#parse is not built"),
        ("#set(x = 1)", "#set begins with what is set"),
        ("#set($x = )", "a value is missing before ')'"),
        ("#set($x = 'abc)", "line 1, column 11: the text has no end"),
        ("#if($a)x#{else}y#elseif($b)z#end", "#elseif comes after #else"),
        ("${x|'d'}", "a default within a reference"),
        ("${x", "} is missing"),
        ("\n$util.toJson($x)", "line 2, column 6: $util has no toJson; it has urlEncode"),
        ("$util.urlEncode('x').getClass()", "there is no method getClass() in flowd's templates"),
        ("$x.class.forName('os')", "there is no method forName()"),
        ("#* open", "a comment has no end"),
        ('#set($x = "#if(1)")', "#if has no #end"),
        ("(" * 10 + "#if(" + "(" * 500 + ")", "nested too deeply"),
        ("#if(1)" * 100, "nested too deeply"),
        ("x" * 400_000, "307,200 are allowed"),
        ("#set($x = " + "9" * 5_000 + ")", "a number of more than 1,000 digits"),
    ],
)
def test_what_is_not_a_template_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=r"line \d+, column \d+: ") as refused:
        compile_template(text, {"util": frozenset({"urlEncode"})})
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$t.substring(9)", "substring() of a text cannot be called so: from 9 to 1 of 1 characters"),
        ("$t.size()", "a text has no method size()"),
        ("$t.replaceAll('(', 'x')", "replaceAll() of a text: the pattern '(': missing )"),
        ("$t.replaceAll('x', '$1')", "the pattern has no group 1"),
        ("$t.replaceAll('x', '${n}')", "the pattern has no group n"),
        ("$t.replaceAll('x', 'a$')", "a $ of the replacement names no group"),
        ("$t.replaceAll('x', 'a\\')", "a \\ of the replacement names no group"),
        ("$t.split('x', 'y')", "a whole number is wanted"),
        ("$l[5]", "there is no entry 5 in a list of 0"),
        ("#if($t < 1)#end", "< compares numbers, not 'x' and '1'"),
        ("#set($t.a = 1)", "#set cannot set $t.a"),
        ("#foreach($x in $t)#end", "is over no list"),
        ("#foreach($x in [1..1001])#end", "1,000 are allowed"),
        ("#set($x = [1..999999999])", "a range of more than"),
        ("#foreach($a in [1..1000])#foreach($b in [1..1000])#set($c = 1)#end#end", "more than 200,000 steps"),
        ("#set($s = 'aaaaaaaaaa')#foreach($a in [1..1000])#set($s = \"$s$s\")#end", "more than 10,485,760 characters"),
        (
            "#set($s = 'aaaaaaaaaa')#foreach($a in [1..9])#set($s = $s.replace('a', 'aaaaaaaaaa'))#end",
            "more than 10,485,760",
        ),
        (
            "#foreach($a in [1..20])#set($s = $l.add('x'))#end#foreach($a in [1..50])#set($s = $l.addAll($l))#end",
            "a list has 200,000 entries at most",
        ),
        ("#set($s = ['" + "x" * 9_999 + "'])#foreach($a in [1..50])#set($s = [$s, $s])#end$s", "more than 10,485,760"),
        ("#set($ok = $l.add($l))$l", "the template nests too deeply"),
        ("#set($s = 9)#foreach($a in [1..1000])#set($s = $s * $s)#end", "more than 4,096 bits"),
        ("#set($s = 'aa')#foreach($a in [1..1000])#set($s = $s.concat($s))#end", "of more than"),
        (
            "#set($a = [1])#set($b = [1])#foreach($i in [1..60])#set($a = [$a, $a])#set($b = [$b, $b])#end"
            "#if($a == $b)#end",
            "more than 200,000 values to compare",
        ),
        (
            "#set($a = [1])#set($b = [1])#foreach($i in [1..60])#set($a = [$a, $a])#set($b = [$b, $b])#end"
            "#set($l = [$a])$l.contains($b)",
            "more than 200,000 values to compare",
        ),
        (
            "#set($b = '"
            + "x" * 250_000
            + "')#foreach($a in [1..1000])#set($c = [$b.length(), $b.trim(), $b.length(), $b.trim()])#end",
            "200,000 steps",
        ),
    ],
)
def test_what_the_values_do_not_allow_ends_the_template(text: str, message: str) -> None:
    with pytest.raises(Broken) as broken:
        written(text, t="x", l=[])
    assert message in str(broken.value)


def test_nothing_of_python_is_within_reach() -> None:
    text = "$t.__class__|$t.format|$l.__len__|$m.__class__|$other.methods|$other.__class__"
    assert written(text, t="x", l=[], m=given({}), other=Thing()) == "|||||"
    with pytest.raises(Invalid, match="there is no method __subclasses__"):
        compile_template("$t.__class__.__subclasses__()")


def test_a_long_run_of_backslashes_is_read_at_once() -> None:
    text = "\\" * 200_000
    assert written(text) == text
    assert len(compile_template(text).body.parts) == 1


def test_a_number_that_is_too_long_to_be_written_ends_the_template() -> None:
    with pytest.raises(Broken, match="too many digits"):
        written("$n", n=10**5_000)


def test_the_patterns_of_a_run_share_the_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    busy = "#foreach($x in [1..1000])$t.matches('(?:x|xx)+[^x]')#end"
    begun = time.monotonic()
    with pytest.raises(Broken, match=r"matches\(\) of a text: the pattern .* takes too long"):
        written(busy, t="x" * 60)
    assert time.monotonic() - begun < 5


def test_a_run_ends_when_its_time_is_up_whatever_its_steps_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "SECONDS", 0.05)
    with pytest.raises(Broken, match=r"more than 0\.05 seconds"):
        written("#foreach($x in [1..1000])#foreach($y in [1..1000])#set($b = $t + $t)#end#end", t="é" * 1_000_000)
