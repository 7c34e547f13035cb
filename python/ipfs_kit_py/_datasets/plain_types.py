"""Types of Arrow that Parquet takes and a loader can read rows of.

Polars, for one, gives views of texts, of which pyarrow takes no rows and which, in
dictionaries, end the process when they are written.
"""

from typing import Any

from ipfs_kit_py._datasets.arrow import arrow


def plain_schema(schema: Any) -> Any:  # noqa: ANN401 - pyarrow's
    """Give a schema with the same values in types that all can read.

    Raises:
        pyarrow.ArrowInvalid: There is no such type for a column.
    """
    pa = arrow()
    fields = []
    for field in schema:
        if getattr(field.type, "extension_name", "") == "arrow.fixed_shape_tensor":
            raise pa.ArrowInvalid(
                f"the column {field.name!r} holds tensors, of which rows cannot be "
                "taken: make lists of them"
            )
        fields.append(_plain_field(field))
    return pa.schema(fields, schema.metadata)


def plain_table(table: Any, schema: Any) -> Any:  # noqa: ANN401 - pyarrow's
    """Give a table in the types of its plain schema."""
    return table if table.schema.equals(schema) else table.cast(schema)


def _plain_field(field: Any) -> Any:  # noqa: ANN401 - pyarrow's
    return field.with_type(_plain(field.type))


def _plain(kind: Any) -> Any:  # noqa: ANN401 - pyarrow's
    pa = arrow()
    types = pa.types
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_time64(kind):
        # Times of Python have no nanoseconds: a cast refuses those that are none.
        return pa.time64("us")
    if types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _plain(kind.value_type), kind.ordered)
    if types.is_struct(kind):
        return pa.struct([_plain_field(it) for it in kind])
    if types.is_map(kind):
        key, item = _plain_field(kind.key_field), _plain_field(kind.item_field)
        return pa.map_(key, item, kind.keys_sorted)
    if types.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    for is_it, make in (
        (types.is_list, pa.list_),
        (types.is_large_list, pa.large_list),
        (types.is_list_view, pa.list_view),
        (types.is_large_list_view, pa.large_list_view),
    ):
        if is_it(kind):
            return make(_plain_field(kind.value_field))
    return kind
