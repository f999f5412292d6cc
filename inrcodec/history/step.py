"""What a step is: a reversible change of representation."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from ..container.fields import Fields
from ..container.linr import Section, Sections
from .planes import Geometry, Planes


class Step(Protocol):
    """A reversible change of representation, with its parameters.

    number: in the header; tag: of its sections, which no other room has; name: for people;
    all_data: whether it is undone on whole planes only, and then takes all data of an image that is
    to be reduced.
    """

    number: ClassVar[int]
    tag: ClassVar[bytes]
    name: ClassVar[str]
    all_data: ClassVar[bool]

    @classmethod
    def find(cls, planes: Planes) -> Step | None:
        """The step that may pay for these planes, for an encoder; None where it does not apply."""

    def geometry(self, before: Geometry) -> Geometry:
        """That of the planes that forward makes."""

    def forward(self, planes: Planes) -> Planes:
        """The planes that are coded instead, of the planes that it was found for."""

    def undo(self, planes: Planes) -> Planes:
        """The planes before the step, exactly, of the same scale. Raises CorruptError for planes
        that forward does not make."""

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The fields of the header and the sections that unpack takes."""

    @classmethod
    def unpack(cls, fields: Fields, sections: Sections, before: Geometry) -> Step:
        """The step that a file states for planes of this geometry. Takes what is its own; raises a
        LinrError where that is not what pack writes."""

    def facts(self) -> dict[str, Any]:
        """What info() says of it, besides its name."""

    def past(self) -> str | None:
        """What the picture came from, in a few words; None where the step is no history."""
