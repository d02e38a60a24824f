"""Prices and costs as a small language: arithmetic and choices over measures, on Decimals, and nothing else.

The text is parsed by Python's own parser and walked here node by node; what is not on the list below is refused, so
there is nothing to escape from. A comparison is 1 or 0, and zero is false.
"""

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal, DecimalException, DivisionByZero, InvalidOperation
from functools import lru_cache

from core.errors import DomainError

Value = Decimal | str

_MOST_CHARACTERS, _MOST_NODES, _MOST_DEPTH, _MOST_ARGUMENTS = 300, 100, 20, 8
_LARGEST_LITERAL, _LARGEST = Decimal(10) ** 9, Decimal(10) ** 15
_CONTEXT = Context(prec=28, traps=[DivisionByZero, InvalidOperation])
_ONE, _ZERO = Decimal(1), Decimal(0)

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: _CONTEXT.add, ast.Sub: _CONTEXT.subtract, ast.Mult: _CONTEXT.multiply, ast.Div: _CONTEXT.divide,
}  # fmt: skip
_ORDER: Mapping[type[ast.cmpop], Callable[[Decimal, Decimal], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_CALLS: Mapping[str, Callable[..., Decimal]] = {
    "min": lambda *values: min(values), "max": lambda *values: max(values),
    "ceil": lambda value: value.to_integral_value(ROUND_CEILING),
    "round": lambda value: value.to_integral_value(ROUND_HALF_UP),
}  # fmt: skip
_OF_ONE = {"ceil", "round"}
_UNCOMPARED = (ast.Is, ast.IsNot, ast.In, ast.NotIn)
_LEAVES = (ast.Constant, ast.Name)
_ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop, ast.expr_context, *_LEAVES,
)  # fmt: skip


class ExpressionRefused(DomainError):
    code = "invalid_request"
    status = 400
    title = "This is not an expression that a price or a cost may have."


@dataclass(frozen=True, slots=True)
class Expression:
    """A text found well-formed; `names` are the measures that it asks for, `literals` the values that it writes out."""

    text: str
    names: frozenset[str]
    literals: frozenset[Value]
    _body: ast.expr

    def evaluate(self, measures: Mapping[str, Value]) -> Decimal:
        """The number that it gives for these measures. Raises ExpressionRefused, whatever goes wrong."""
        try:
            found = _value(self._body, measures)
        except DecimalException as exc:
            reason = "divides by zero" if isinstance(exc, DivisionByZero) else "leaves the range of numbers"
            raise ExpressionRefused(f"{self.text!r} {reason}.") from exc
        return _number(found)


@lru_cache(maxsize=512)
def parse(text: str) -> Expression:
    """Reads an expression. Raises ExpressionRefused with a sentence that says what is not allowed."""
    if len(text) > _MOST_CHARACTERS:
        raise ExpressionRefused(f"An expression has at most {_MOST_CHARACTERS} characters.")
    # A backslash is of no use here, and Python warns about some of them.
    if "\\" in text or not text.isprintable():
        raise ExpressionRefused("An expression is one line of printable characters without a backslash.")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise ExpressionRefused(f"{text!r} is not an expression.") from exc
    _check_size(tree)
    nodes = list(ast.walk(tree))
    for node in nodes:
        _check(node)
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    names = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called}
    literals = {_literal(node) for node in nodes if isinstance(node, ast.Constant)}
    return Expression(text, frozenset(names), frozenset(literals), tree.body)


def refuse_unknown(expression: Expression, known: Collection[str]) -> None:
    """Raises ExpressionRefused when it asks for a measure that nothing gives."""
    unknown = sorted(expression.names - set(known))
    if unknown:
        raise ExpressionRefused(f"{', '.join(unknown)}: not a measure. There are: {', '.join(sorted(known))}.")


def _check_size(tree: ast.AST) -> None:
    level, count, depth = [tree], 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if count > _MOST_NODES or depth > _MOST_DEPTH:
            raise ExpressionRefused("The expression is too complicated.")
        # Operators and contexts are words, not structure.
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _check(node: ast.AST) -> None:
    if not isinstance(node, _ALLOWED):
        raise ExpressionRefused(f"{type(node).__name__} is not allowed in an expression.")
    if isinstance(node, ast.Constant):
        _literal(node)
    elif isinstance(node, ast.BinOp) and type(node.op) not in _ARITHMETIC:
        raise ExpressionRefused("Only + - * / are allowed between numbers.")
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.USub | ast.Not):
        raise ExpressionRefused("Only - and not are allowed before a value.")
    elif isinstance(node, ast.Compare) and any(isinstance(op, _UNCOMPARED) for op in node.ops):
        raise ExpressionRefused("Only == != < <= > >= compare.")
    elif isinstance(node, ast.Call):
        _check_call(node)


def _check_call(node: ast.Call) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in _CALLS:
        raise ExpressionRefused(f"Only {', '.join(_CALLS)} can be called.")
    most = 1 if name in _OF_ONE else _MOST_ARGUMENTS
    if not 1 <= len(node.args) <= most:
        raise ExpressionRefused(f"{name} takes 1 to {most} values." if most > 1 else f"{name} takes one value.")


def _literal(node: ast.Constant) -> Value:
    value = node.value
    if isinstance(value, str) and node.kind is None:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionRefused(f"{type(value).__name__} is neither a number nor a text.")
    # The shortest text that reads back as the same float is what was typed, up to 15 digits.
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or abs(number) > _LARGEST_LITERAL:
        raise ExpressionRefused(f"A number is at most {_LARGEST_LITERAL}.")
    return number


def _value(node: ast.expr, measures: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant():
            return _literal(node)
        case ast.Name():
            if node.id not in measures:
                raise ExpressionRefused(f"{node.id} is not a measure here.")
            return measures[node.id]
        case ast.BinOp():
            left, right = _number(_value(node.left, measures)), _number(_value(node.right, measures))
            return _bounded(_ARITHMETIC[type(node.op)](left, right))
        case ast.UnaryOp():
            value = _number(_value(node.operand, measures))
            return _CONTEXT.minus(value) if isinstance(node.op, ast.USub) else _truth(answer=not value)
        case ast.Call(func=ast.Name(id=name)):
            return _CALLS[name](*[_number(_value(argument, measures)) for argument in node.args])
        case _:
            return _choice(node, measures)


def _choice(node: ast.expr, measures: Mapping[str, Value]) -> Value:
    match node:
        case ast.BoolOp(op=ast.And()):
            return _truth(answer=all(_number(_value(part, measures)) for part in node.values))
        case ast.BoolOp():
            return _truth(answer=any(_number(_value(part, measures)) for part in node.values))
        case ast.IfExp():
            chosen = node.body if _number(_value(node.test, measures)) else node.orelse
            return _value(chosen, measures)
        case ast.Compare():
            values = [_value(part, measures) for part in (node.left, *node.comparators)]
            pairs = zip(node.ops, values, values[1:], strict=False)
            return _truth(answer=all([_holds(op, left, right) for op, left, right in pairs]))
        case _:
            raise ExpressionRefused(f"{type(node).__name__} is not allowed in an expression.")


def _holds(op: ast.cmpop, left: Value, right: Value) -> bool:
    if isinstance(left, str) != isinstance(right, str):
        raise ExpressionRefused("A text and a number are not compared.")
    if isinstance(op, ast.Eq | ast.NotEq):
        return (left == right) is isinstance(op, ast.Eq)
    return _ORDER[type(op)](_number(left), _number(right))


def _truth(*, answer: bool) -> Decimal:
    return _ONE if answer else _ZERO


def _number(value: Value) -> Decimal:
    if isinstance(value, str):
        raise ExpressionRefused(f"The text {value[:40]!r} stands where a number is needed.")
    return _bounded(value)


def _bounded(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value) > _LARGEST:
        raise ExpressionRefused(f"A number is above {_LARGEST}.")
    return value
