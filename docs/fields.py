"""What the reference pages show of the fields of classes and the arguments of functions.

A paragraph `name: text` of a docstring, its further lines indented, describes a parameter of a
function or a field of a class where there is one of that name: it becomes an entry of the section
that mkdocstrings makes a table of. Of another name, in small letters, it becomes an entry of a
list. A docstring that has such a section already is left as it is.

A NamedTuple or a Linen module is shown with its fields as a signature, as dataclasses are.
"""

import re
from typing import Any

import griffe

ITEM = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*): (\S.*)")
SECTION = re.compile(r"(Args|Attributes):$", re.MULTILINE)


class Fields(griffe.Extension):
    """Rewrites every function and class of a package once all of it is read."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        _visit(pkg)


def _visit(obj: Any) -> None:
    for member in list(obj.members.values()):
        if member.is_alias:
            continue
        if member.is_class:
            lineage = [*reversed(member.mro()), member]
            fields = {name: field for cls in lineage for name, field in _fields(cls)}
            bases = {str(base).rpartition(".")[-1] for cls in lineage for base in cls.bases}
            if bases & {"NamedTuple", "Module"}:
                member.set_member("__init__", _constructor(fields))
            _rewrite(member, "Attributes", set(fields))
        elif member.is_function:
            _rewrite(member, "Args", {parameter.name for parameter in member.parameters})
        if member.is_class or member.is_module:
            _visit(member)


def _fields(cls: Any) -> list[tuple[str, Any]]:
    """The attributes of a class that are declared with a type, properties not among them."""
    return [
        (name, member)
        for name, member in cls.members.items()
        if member.is_attribute and member.annotation and "property" not in member.labels
    ]


def _constructor(fields: dict[str, Any]) -> griffe.Function:
    parameters = [griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)]
    for name, field in fields.items():
        # What has no default behind what has one can only be given by name.
        by_name = field.value is None and parameters[-1].default is not None
        by_name |= parameters[-1].kind is griffe.ParameterKind.keyword_only
        kinds = griffe.ParameterKind
        kind = kinds.keyword_only if by_name else kinds.positional_or_keyword
        parameters.append(
            griffe.Parameter(name, annotation=field.annotation, kind=kind, default=field.value)
        )
    return griffe.Function("__init__", parameters=griffe.Parameters(*parameters))


def _rewrite(obj: Any, title: str, names: set[str]) -> None:
    if obj.docstring is not None:
        obj.docstring.value = sectioned(obj.docstring.value, title, names)


def sectioned(text: str, title: str, names: set[str]) -> str:
    """The docstring with the paragraphs of these names in one section, where the first stood."""
    if SECTION.search(text):
        return text
    before: list[str] = []
    section: list[str] = []
    after: list[str] = []
    entry: list[str] | None = None  # where the entry that is being read is written
    for line in text.splitlines():
        rest = after if section else before
        match = ITEM.match(line)
        found = match[1].replace("*", "").split(", ") if match else []
        if match and names.issuperset(found):
            section += [f"    {name}: {match[2]}" for name in found]
            entry = section
        elif match and match[1].islower() and (entry or not "".join(rest[-1:])):
            rest.append(f"- `{match[1]}`: {match[2]}")
            entry = rest
        elif entry and line.strip() and (line[0] == " " or entry[-1][-1] not in ".:"):
            entry.append(f"        {line.strip()}")
        else:
            entry = None
            rest.append(line)
    middle = ["", f"{title}:", *section, ""] if section else []
    return "\n".join([*before, *middle, *after])
