"""The engine's API as the SDK's generated client knows it, told in the words of GraphQL introspection.

Nothing is written down twice: types, fields and arguments are read from the source of `dagger.client.gen`.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache

import graphql
from dagger.client import gen
from dagger.client.base import Enum
from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType

_PLAIN = {
    "str": graphql.GraphQLString,
    "int": graphql.GraphQLInt,
    "bool": graphql.GraphQLBoolean,
    "float": graphql.GraphQLFloat,
}
_ID = graphql.GraphQLID
_NODE = GraphQLInterfaceType("Node", {"id": GraphQLField(_ID)})
_Method = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def introspected(query: str) -> dict[str, object]:
    """Answer an introspection query."""
    found = graphql.graphql_sync(schema(), query)
    assert not found.errors, found.errors
    assert found.data is not None
    return found.data


@cache
def schema() -> graphql.GraphQLSchema:
    """Return the schema; what an annotation does not tell is left permissive."""
    return _Reflection(ast.parse(inspect.getsource(gen))).schema()


class _Reflection:
    def __init__(self, tree: ast.Module) -> None:
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self._leaves: dict[str, graphql.GraphQLNamedInputType] = {}
        self._objects = {
            name: self._object(node) for name, node in self._classes.items() if self._is(node, "Type", "Root")
        }

    def schema(self) -> graphql.GraphQLSchema:
        return graphql.GraphQLSchema(query=self._objects["Query"], types=list(self._objects.values()))

    def _is(self, node: ast.ClassDef, *bases: str) -> bool:
        named = any(isinstance(base, ast.Name) and base.id in bases for base in node.bases)
        return named and not node.name.startswith("_")

    def _object(self, node: ast.ClassDef) -> GraphQLObjectType:
        has_id = any(name == "id" for name, _ in self._selected(node))
        return GraphQLObjectType(
            node.name, lambda: self._fields(node), interfaces=[_NODE] if has_id else [], description=""
        )

    def _fields(self, node: ast.ClassDef) -> dict[str, GraphQLField]:
        found = {name: self._field(node.name, name, method) for name, method in self._selected(node)}
        if node.name == "Query":
            found["node"] = GraphQLField(_NODE, {"id": graphql.GraphQLArgument(_ID)})
        return found

    def _selected(self, node: ast.ClassDef) -> Iterator[tuple[str, _Method]]:
        """Yield each field with the method that selects it."""
        for method in node.body:
            if not isinstance(method, _Method):
                continue
            for call in ast.walk(method):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    place = {"_select": 0, "execute_sync": 1}.get(call.func.attr)
                    name = call.args[place] if place is not None else None
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        yield name.value, method

    def _field(self, owner: str, name: str, method: _Method) -> GraphQLField:
        arguments = dict(self._arguments(method))
        synced = any(
            isinstance(part, ast.Attribute) and part.attr == "execute_sync" for part in ast.walk(method)
        )
        if synced or name == "id":
            return GraphQLField(_ID, arguments)
        return GraphQLField(self._output(method.returns, owner), arguments)

    def _arguments(self, method: _Method) -> Iterator[tuple[str, graphql.GraphQLArgument]]:
        taken = {one.arg: one.annotation for one in (*method.args.args, *method.args.kwonlyargs)}
        for call in ast.walk(method):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Arg":
                name, value = call.args[0], call.args[1]
                assert isinstance(name, ast.Constant)
                assert isinstance(name.value, str)
                names = [part.id for part in ast.walk(value) if isinstance(part, ast.Name)]
                used = next(one for one in names if one in taken)
                yield name.value, graphql.GraphQLArgument(self._input(taken[used]))

    def _output(self, annotation: ast.expr | None, owner: str) -> graphql.GraphQLOutputType:
        name, many = _named(annotation)
        kind = self._objects.get(owner if name == "Self" else name) or self._leaf(name)
        assert isinstance(kind, graphql.GraphQLScalarType | graphql.GraphQLEnumType | GraphQLObjectType)
        return graphql.GraphQLList(kind) if many else kind

    def _input(self, annotation: ast.expr | None) -> graphql.GraphQLInputType:
        name, many = _named(annotation)
        kind = _ID if name in self._objects or name == "Self" else self._leaf(name)
        return graphql.GraphQLList(kind) if many else kind

    def _leaf(self, name: str) -> graphql.GraphQLNamedInputType:
        """Return the type of a value that can be written down: plain, an enumeration, a table, an id."""
        if name in _PLAIN:
            return _PLAIN[name]
        if name not in self._leaves:
            self._leaves[name] = self._made(name)
        return self._leaves[name]

    def _made(self, name: str) -> graphql.GraphQLNamedInputType:
        node, found = self._classes.get(name), getattr(gen, name, None)
        if isinstance(found, type) and issubclass(found, Enum):
            return graphql.GraphQLEnumType(name, dict.fromkeys(found.__members__))
        if node is not None and self._is(node, "Input"):
            return graphql.GraphQLInputObjectType(name, lambda: self._table(node))
        known = node is not None and self._is(node, "Scalar") and not name.endswith("ID")
        return graphql.GraphQLScalarType(name) if known else _ID

    def _table(self, node: ast.ClassDef) -> dict[str, graphql.GraphQLInputField]:
        return {
            part.target.id: graphql.GraphQLInputField(self._input(part.annotation))
            for part in node.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        }


def _named(annotation: ast.expr | None) -> tuple[str, bool]:
    """Return the name in an annotation such as `list["File"] | None`, and whether there are many."""
    words = ast.unparse(annotation).replace("'", "") if annotation is not None else "Void"
    name = words.removesuffix(" | None")
    many = name.startswith("list[")
    return name.removeprefix("list[").removesuffix("]").removesuffix(" | None"), many
