"""Writes `aio.pyi`, what type checkers read in the place of `aio.py`.

    python -m ipfs_kit_py._aio.stub > python/ipfs_kit_py/aio.pyi

Parameters are copied from the sources of the synchronous classes as they are written
there, so that no type is lost; what is returned becomes what the twin gives.
"""

import ast
import builtins
import inspect
import sys
from collections.abc import Iterator
from copy import copy
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType

from ipfs_kit_py._aio import classes
from ipfs_kit_py._aio.twin import Form, Twin, form_of, is_protocol, public_members

_HEAD = '''\
"""Types of `ipfs_kit_py.aio`, written by `python -m ipfs_kit_py._aio.stub`."""

'''
_BASE = '''\
class _Twin:
    def __await__(self) -> Generator[Any, None, Self]:
        """Open it."""
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    async def close(self) -> None:
        """Let go of it, and wait for what is running; closing twice is no error."""
'''
_USED = {
    "AsyncGenerator": "collections.abc",
    "Awaitable": "collections.abc",
    "Generator": "collections.abc",
    "Any": "typing",
    "Self": "typing",
    "overload": "typing",
    "TracebackType": "types",
    "Opening": "ipfs_kit_py._aio.files",
    "Result": "ipfs_kit_py._results",
}
_LINE = 90
_PLAIN = ("__init__", "__getattr__")


def written() -> str:
    """Give the whole text."""
    imports = dict(_USED)
    twins = [classes.Repository, classes.Engine, classes.IpfsPy, classes.S3Kit]
    twins += [classes.StorachaKit, classes.Ipget, classes.ModelRegistry]
    twins += [classes.DatasetManager, classes.IpfsKit, classes.IPFSSimpleAPI]
    own = {twin.__name__ for twin in twins}
    bodies = [_class(twin, imports) for twin in twins]
    lines = [f"import {name}" for name, at in sorted(imports.items()) if at == name]
    by_module: dict[str, list[str]] = {"ipfs_kit_py._aio.files": ["File"]}
    for name, module in imports.items():
        if name not in own and module != name:
            by_module.setdefault(module, []).append(name)
    ours = [module for module in sorted(by_module) if module.startswith("ipfs_kit_py")]
    foreign = ["_typeshed", "typing_extensions"]
    standard = [module for module in sorted(by_module) if module not in (*ours, *foreign)]
    third = [module for module in foreign if module in by_module]
    parts = ["\n".join([*lines, *(_import(module, by_module) for module in standard)])]
    parts += ["\n".join(_import(module, by_module) for module in third)] if third else []
    parts += ["\n".join(_import(module, by_module) for module in ours)]
    names = "ipfs_kit = IpfsKit\nipfs_py = IpfsPy\ns3_kit = S3Kit\n"
    names += "storacha_kit = StorachaKit\n"
    exported = sorted(__import__("ipfs_kit_py.aio", fromlist=["aio"]).__all__, key=_order)
    listed = "".join(f'    "{name}",\n' for name in exported)
    names = f"__all__ = [\n{listed}]\n\n" + "\n".join([_BASE, *bodies, names])
    return _HEAD + "\n\n".join(parts) + "\n\n" + names


def _order(name: str) -> tuple[int, str]:
    """Sort as ruff does: classes before what is lower case."""
    return (not name[0].isupper(), name)


def _import(module: str, by_module: dict[str, list[str]]) -> str:
    names = sorted(
        set(by_module[module]),
        key=lambda name: (not name.isupper(), not name[0].isupper(), name),
    )
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= _LINE:
        return line
    return f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"


def _class(twin: type[Twin], imports: dict[str, str]) -> str:
    of = twin._of
    text = f"class {twin.__name__}(_Twin):\n"
    summary = _summary(twin.__doc__)
    text += f'    """{summary}"""\n\n' if summary else ""
    if not is_protocol(of):
        text += _methods(twin, "__init__", imports)
    for name, member in public_members(of).items():
        if name == "close":
            continue
        if member is None:
            text += _attribute(twin, name, imports)
        else:
            text += _methods(twin, name, imports)
    if not is_protocol(of) and "__call__" in dir(of):
        text += _methods(twin, "__call__", imports)
    if "__getattr__" in vars(twin):
        text += _methods(twin, "__getattr__", imports)
    return text


def _attribute(twin: type[Twin], name: str, imports: dict[str, str]) -> str:
    part = twin._parts.get(name)
    if part is not None:
        shown = part.__name__
    else:
        module, owner = _defining(twin._of, name, annotated=True)
        found = next(
            node.annotation
            for node in owner.body
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name
        )
        shown = _typed(found, module, imports)
    return f"    @property\n    def {name}(self) -> {shown}: ...\n"


def _methods(twin: type[Twin], name: str, imports: dict[str, str]) -> str:
    """Write a method, or all its overloads; one of two names, under this one."""
    module, owner = _defining(twin._of, name)
    member = inspect.getattr_static(twin._of, name)
    written = member.__name__ if isinstance(member, FunctionType) else name
    nodes = [
        node
        for node in owner.body
        if isinstance(node, ast.FunctionDef) and node.name == written
    ]
    if written != name:
        nodes = [copy(node) for node in nodes]
        for node in nodes:
            node.name = name
    return "".join(
        _method(twin, node, module, imports)
        for node in (nodes[:-1] if len(nodes) > 1 else nodes)
    )


def _method(
    twin: type[Twin], node: ast.FunctionDef, module: str, imports: dict[str, str]
) -> str:
    function = inspect.getattr_static(twin._of, node.name)
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    marks = ["property" if mark == "cached_property" else mark for mark in marks]
    kept = [mark for mark in marks if mark in ("property", "staticmethod", "overload")]
    text = "".join(f"    @{mark}\n" for mark in kept)
    start, returned = "def", ast.unparse(node.returns) if node.returns else "None"
    part = twin._parts.get(node.name)
    if any(mark.startswith("operation(") for mark in marks):
        start, returned = "async def", "Result"
    elif part is not None:
        returned = part.__name__
    elif node.returns is not None:
        is_property = isinstance(function, property | cached_property)
        is_plain = is_property or node.name in _PLAIN
        plain = function.__func__ if isinstance(function, staticmethod) else function
        form = None if is_plain else form_of(plain)
        if form is Form.FILE:
            returned = _opened(returned)
        else:
            returned = _typed(node.returns, module, imports)
        if form is Form.STREAM:
            item = returned.removeprefix("Iterator[").removesuffix("]")
            returned = f"AsyncGenerator[{item}]"
        start = "async def" if form is Form.CALL else start
        if node.name in twin._awaited:
            returned = f"Awaitable[{returned}]"
    parameters = _parameters(node.args, module, imports)
    head = f"    {start} {node.name}("
    tail = f") -> {returned}:"
    summary = _summary(ast.get_docstring(node))
    end = f'\n        """{summary}"""\n' if summary else " ...\n"
    one = head + ", ".join(parameters) + tail
    if len(one) + (0 if summary else 4) <= _LINE:
        return text + one + end
    inner = ", ".join(parameters)
    if len(inner) + 8 <= _LINE and not inner.endswith("*"):
        return f"{text}{head}\n        {inner}\n    {tail}{end}"
    listed = "".join(f"        {parameter},\n" for parameter in parameters)
    return f"{text}{head}\n{listed}    {tail}{end}"


def _opened(returned: str) -> str:
    kinds = {"str" if "Text" in kind else "bytes" for kind in returned.split(" | ")}
    return " | ".join(f"Opening[{kind}]" for kind in sorted(kinds))


def _parameters(given: ast.arguments, module: str, imports: dict[str, str]) -> list[str]:
    found: list[str] = []
    positional = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(given.defaults))
    for at, (one, default) in enumerate(
        zip(positional, [*defaults, *given.defaults], strict=True)
    ):
        found.append(_parameter(one, default, module, imports))
        if at + 1 == len(given.posonlyargs):
            found.append("/")
    if given.vararg is not None:
        found.append("*" + _parameter(given.vararg, None, module, imports))
    elif given.kwonlyargs:
        found.append("*")
    for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        found.append(_parameter(one, default, module, imports))
    if given.kwarg is not None:
        found.append("**" + _parameter(given.kwarg, None, module, imports))
    return found


def _parameter(
    one: ast.arg, default: ast.expr | None, module: str, imports: dict[str, str]
) -> str:
    if one.annotation is None:
        return one.arg
    text = f"{one.arg}: {_typed(one.annotation, module, imports)}"
    if default is None:
        return text
    plain = isinstance(default, ast.Constant)
    return f"{text} = {_quoted(default) if plain else '...'}"


def _typed(node: ast.expr, module: str, imports: dict[str, str]) -> str:
    """Write a type, and note where its names come from."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    own = {"ipfs_py": "IpfsPy"}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and not hasattr(builtins, inner.id):
            inner.id = own.get(inner.id, inner.id)
            if inner.id != "Iterator":
                source = _source(module, inner.id)
                if imports.setdefault(inner.id, source) != source:
                    raise TypeError(f"{inner.id} of {module} is another elsewhere")
    return _quoted(node)


def _quoted(node: ast.expr) -> str:
    return ast.unparse(node).replace("'", '"')


@cache
def _tree(module: str) -> ast.Module:
    # Some are imported by type checkers alone.
    file = import_module(module).__file__
    return ast.parse(Path(file or "").read_text(encoding="utf-8"))


def _defining(
    of: type, name: str, *, annotated: bool = False
) -> tuple[str, ast.ClassDef]:
    """Find the class that a member comes from, in its source."""
    held = (
        kind
        for kind in of.__mro__
        if name in (inspect.get_annotations(kind) if annotated else vars(kind))
    )
    kind = next(held)
    found = next(
        node
        for node in _tree(kind.__module__).body
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    return kind.__module__, found


def _source(module: str, name: str) -> str:
    """Say which module a name of another is to be imported from."""
    for node in _imports(_tree(module)):
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                if isinstance(node, ast.Import):
                    return name
                at = node.module or ""
                is_ours = at.startswith("ipfs_kit_py")
                is_python = is_ours and not at.endswith("._native")
                return _source(at, alias.name) if is_python else at
    return module


def _imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in tree.body:
        for inner in node.body if isinstance(node, ast.If) else [node]:
            if isinstance(inner, ast.Import | ast.ImportFrom):
                yield inner


def _summary(text: str | None) -> str:
    lines = inspect.cleandoc(text or "").splitlines()
    return lines[0] if lines and lines[0] != "See above." else ""


if __name__ == "__main__":
    sys.stdout.write(written())
