"""``--json-schema``: the last answer must be JSON that fits; one repair round, then exit 4."""

from typing import Any

from devagent.core.codec import canonical, parse
from devagent.core.errors import UsageError
from devagent.models.plain import is_object


class AnswerSchema:
    """A JSON Schema file, checked when it is read. Raises UsageError for one that is not usable."""

    def __init__(self, file: str) -> None:
        import jsonschema_rs  # noqa: PLC0415  (only where the flag is given)

        try:
            with open(file, "rb") as handle:
                self.schema = parse(handle.read())
            self._validator = jsonschema_rs.Draft202012Validator(self.schema, retriever=_no_fetch)
        except OSError as e:
            raise UsageError(f"the schema file {file} cannot be read: {e.strerror}") from e
        except (ValueError, TypeError) as e:
            raise UsageError(f"{file} is not a JSON Schema: {e}") from e

    @property
    def held(self) -> dict[str, Any] | None:
        """The schema as a service may be told it; None for one that is no object (``true`` is a schema, too)."""
        schema: object = self.schema
        return schema if is_object(schema) else None

    def asked(self, prompt: str) -> str:
        """The prompt with the schema told."""
        return (
            f"{prompt}\n\nAnswer with one JSON value and nothing else. It must fit this JSON Schema:\n"
            f"{canonical(self.schema).decode()}"
        )

    def fit(self, text: str) -> tuple[Any, str]:
        """(the value, "") where the answer fits, else (None, what is wrong)."""
        try:
            value = parse(_unfenced(text))
        except ValueError as e:
            return None, f"the answer is not JSON ({e})"
        misfits = [
            f"{'/'.join(map(str, e.instance_path)) or 'the value'}: {e.message}"
            for e, _ in zip(self._validator.iter_errors(value), range(3), strict=False)
        ]
        return (None, "; ".join(misfits)) if misfits else (value, "")

    def repair(self, problem: str) -> str:
        """The one repair prompt."""
        return (
            f"That does not fit the JSON Schema: {problem}. Answer again with the JSON value alone."
        )


def _no_fetch(uri: str) -> Any:
    # A schema may come with the repository: reading it must not reach the network or other files.
    raise ValueError(f"a schema may not refer to {uri}; put it into `$defs`")


def _unfenced(text: str) -> str:
    """JSON often comes in a code fence, whatever was asked."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        return text[text.index("\n") + 1 : -3]
    return text
