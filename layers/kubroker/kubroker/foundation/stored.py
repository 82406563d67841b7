"""The base of every stored shape, and lists of them of which one may be malformed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from kubroker.foundation.observability import STORED_ITEM_UNREADABLE, count, logger

# What names an item in its table; told in the log, so that somebody can look at it.
_NAMES = ("userId", "withdrawalId", "exportId", "entryId")
# What reading a malformed value comes to; our own errors, such as a store's, are none of these.
_MALFORMED = (ValueError, ArithmeticError, TypeError, LookupError, AttributeError)


class StoredModel(BaseModel):
    """A stored shape: camelCase attributes; unknown ones of a newer release are passed over."""

    model_config = ConfigDict(
        defer_build=True,  # most functions use few of these models
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
    )

    def to_item(self) -> dict[str, Any]:
        """The attributes as stored, None left out."""
        return self.model_dump(by_alias=True, exclude_none=True)


class ReadableList[Shape](list[Shape]):
    """What could be read of a list.

    Attributes:
        unreadable: How many of its items could not.
    """

    def __init__(self, shapes: Iterable[Shape] = (), *, unreadable: int = 0) -> None:
        """The shapes in order, and how many are missing among them."""
        super().__init__(shapes)
        self.unreadable = unreadable


def read_list[Source, Shape](
    sources: Iterable[Source], read: Callable[[Source], Shape]
) -> ReadableList[Shape]:
    """Reads each item; a malformed one is told in the log, counted, and left out.

    For lists that are shown, or walked to do something for each. What a decision or a file's
    completeness hangs on is read without this, and fails as a whole.

    Args:
        sources: Stored items, or what was read of them; a ``ReadableList``'s own count is added.
        read: Makes the shape of one.

    Returns:
        The shapes, in order, and how many could not be made.

    Raises:
        KubrokerError: Whatever ``sources`` or ``read`` raise of our own.
    """
    shapes, unreadable = [], sources.unreadable if isinstance(sources, ReadableList) else 0
    for source in sources:
        try:
            shapes.append(read(source))
        except _MALFORMED as error:
            unreadable += 1
            count(STORED_ITEM_UNREADABLE)
            logger.error("a stored item can't be read", extra=_describe(source, error))
    return ReadableList(shapes, unreadable=unreadable)


def _describe(source: object, error: Exception) -> dict[str, Any]:
    """Which item and which fields; never a value but the item's names."""
    fields: list[str] = []
    if isinstance(error, ValidationError):
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        fields = [".".join(str(part) for part in fault["loc"]) for fault in faults[:10]]
    item = source.to_item() if isinstance(source, StoredModel) else source
    known = item if isinstance(item, Mapping) else {}
    names = {name: known[name] for name in _NAMES if name in known}
    return {"reason": type(error).__name__, "fields": fields, **names}
