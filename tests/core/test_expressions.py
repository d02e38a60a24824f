"""The language of multipliers: what it gives, and that nothing else gets through."""

import warnings
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import expressions
from core.expressions import ExpressionRefused

MEASURES = {
    "width": Decimal(1024), "seconds": Decimal(5), "images": Decimal(1), "quality": "high", "resolution": "1080p",
}  # fmt: skip


def evaluate(text, **more):
    return expressions.parse(text).evaluate({**MEASURES, **more})


class TestEvaluate:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("1", "1"),
            ("0.1 + 0.2", "0.3"),
            ("2 if quality == 'high' else 1", "2"),
            ("1 + 0.5 * (resolution == '1080p')", "1.5"),
            ("1 + 0.5 * (resolution == '720p')", "1"),
            ("width / 512", "2"),
            ("-width + 1025", "1"),
            ("min(seconds, 3, 8)", "3"),
            ("max(seconds)", "5"),
            ("ceil(seconds / 2)", "3"),
            ("round(2.5)", "3"),
            ("round(-2.5)", "-3"),
            ("1 < seconds < 6", "1"),
            ("1 < seconds < 5", "0"),
            ("not seconds > 1", "0"),
            ("seconds > 1 and width > 2000", "0"),
            ("seconds > 9 or width > 1000", "1"),
            ("quality != 'high'", "0"),
            ("3 if seconds >= 5 else 2 if seconds >= 3 else 1", "3"),
            ("  2  ", "2"),
            ("1 / 3 * 3 == 1", "0"),
        ],
    )
    def test_gives_decimals(self, text, wanted):
        found = evaluate(text)
        assert isinstance(found, Decimal)
        assert found == Decimal(wanted)

    def test_only_evaluates_the_branch_that_is_chosen(self):
        assert evaluate("1 if images else 1 / 0") == 1

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("1 / 0", "divides by zero"),
            ("1 / (seconds - 5)", "divides by zero"),
            ("0 / 0", "leaves the range of numbers"),
            ("width * 999999999 * 999999999", "is above"),
            ("quality + 1", "stands where a number is needed"),
            ("quality", "stands where a number is needed"),
            ("-quality", "stands where a number is needed"),
            ("quality and 1", "stands where a number is needed"),
            ("1 if quality else 2", "stands where a number is needed"),
            ("max('a', 'b')", "stands where a number is needed"),
            ("quality == 1", "are not compared"),
            ("quality < 'low'", "stands where a number is needed"),
            ("fps", "is not a measure here"),
        ],
    )
    def test_refuses_what_has_no_number(self, text, reason):
        with pytest.raises(ExpressionRefused, match=reason):
            evaluate(text)


HOSTILE = [
    "", " ", "1 +", "x = 1", "1; 2", "1\n2", "(1", ")", "import os", "pass", "lambda: 1", "yield", "await width",
    "__import__('os').system('true')", "().__class__.__bases__[0].__subclasses__()", "width.real", "'a'.join",
    "open('/etc/passwd')", "eval('1')", "exec('1')", "print(1)", "abs(-1)", "int('9')", "min.__self__",
    "min(*[1, 2])", "min(**{})", "min(1, default=2)", "max(1, key=width)", "min()", "ceil()", "ceil(1, 2)",
    "round(1.234, 2)", "(min)(1)(2)", "(min if 1 else max)(1)",
    "2 ** 999", "2 ** 2", "9 // 2", "9 % 2", "1 << 99", "1 >> 1", "1 | 2", "1 & 2", "1 ^ 2", "1 @ 2", "~1", "+1",
    "[1]", "(1, 2)", "{1}", "{1: 2}", "[x for x in (1,)]", "(x for x in width)", "width[0]", "'abc'[0]", "width[1:2]",
    "f'{width}'", "'a' 'b' if 1 else f'{1}'", "b'1'", "u'x'", "1j", "True", "False", "None", "...", "(a := 1)",
    "1 is 1", "1 is not 2", "1 in (1,)", "'a' in 'abc'", "'a' not in 'abc'",
    "1000000001", "1e10", "1e999", "-1e999", "9" * 299, "1" + "0" * 298, "0x" + "f" * 200,
    "1 +" * 99 + "1", "-" * 299 + "1", "(" * 150 + "1" + ")" * 149, "not " * 74 + "1",
    "1 if 1 else " * 24 + "1", "min(" * 59 + "1" + ")" * 59, "1" * 301, "'" + "a" * 300 + "'",
    "'\\x41'", "'\\d' == quality", "1 \\\n+ 1", "1 # note\n", "1\x00", "1\x0c", "\u202e1", "'\ud800'", "\uff11 ** 2",
    "width!", "width?", "$width", "`width`", "{{ width }}", "%(width)s", "1 if 1", "else 1", "0777", "1__0", "1if",
]  # fmt: skip


class TestRefuse:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_says_no_to_whatever_is_not_on_the_list(self, text):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ExpressionRefused) as refused:
                expressions.parse(text)
        assert refused.value.detail

    def test_names_measures_that_nothing_gives(self):
        with pytest.raises(ExpressionRefused, match="colour, depth: not a measure"):
            expressions.refuse_unknown(expressions.parse("depth + colour + width"), MEASURES)

    def test_does_not_take_a_function_for_a_measure(self):
        assert expressions.parse("min(width, seconds)").names == {"width", "seconds"}
        with pytest.raises(ExpressionRefused, match="min"):
            expressions.refuse_unknown(expressions.parse("min(1, min)"), MEASURES)


WORDS = (
    "width seconds quality 0 1 2.5 1e9 'high' + - * / ( ) , < == != and or not if else min max ceil round min( max( "
    "ceil( round( 999999999 ** . [ ]"
)
VALUES, BETWEEN = "width seconds quality fps 0 1 2.5 0.000000001 999999999 'high' '720p'", "+ - * / == != < >= and or"
WELL_FORMED = st.recursive(
    st.sampled_from(VALUES.split()),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(BETWEEN.split()), inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("{}({})".format, st.sampled_from(["-", "not ", "ceil", "round", "min"]), inner),
        st.builds("max({}, {})".format, inner, inner),
    ),
    max_leaves=12,
)
TEXTS = st.one_of(
    WELL_FORMED,
    st.text(max_size=320),
    st.text(alphabet="width()+-*/<>=!'\"., 0159e:[]{}_ifelsandotrnmxcuql\\\n", max_size=120),
    st.lists(
        st.sampled_from(WORDS.split()),
        max_size=40,
    ).map(" ".join),
)


class TestProperty:
    @given(TEXTS)
    @example("round(999999999 * 999999 / 0.000000001)")
    @example("ceil(1 / 3)")
    def test_is_a_finite_decimal_or_a_refusal_and_never_anything_else(self, text):
        try:
            found = evaluate(text)
        except ExpressionRefused:
            return
        assert isinstance(found, Decimal)
        assert found.is_finite()
