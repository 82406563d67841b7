"""The base of every stored shape."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


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
