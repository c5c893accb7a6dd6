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
    """Rewrites every function and class that is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.is_class:
            fields = _fields(obj)
            if {str(base).rpartition(".")[-1] for base in obj.bases} & {"NamedTuple", "Module"}:
                init = griffe.Function("__init__", parameters=_signature(fields))
                obj.members.setdefault("__init__", init).parent = obj
            _rewrite(obj, "Attributes", {field.name for field in fields})
        elif obj.is_function:
            _rewrite(obj, "Args", {parameter.name for parameter in obj.parameters})


def _fields(cls: Any) -> list[Any]:
    """The attributes of a class that are declared with a type, properties not among them."""
    return [
        member
        for member in cls.members.values()
        if member.is_attribute and member.annotation and "property" not in member.labels
    ]


def _signature(fields: list[Any]) -> griffe.Parameters:
    kind = griffe.ParameterKind.positional_or_keyword
    return griffe.Parameters(
        griffe.Parameter("self", kind=kind),
        *(
            griffe.Parameter(
                field.name, annotation=field.annotation, kind=kind, default=field.value
            )
            for field in fields
        ),
    )


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
