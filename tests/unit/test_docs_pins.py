"""The pins of tests/constraints.txt hold for what pyproject.toml asks."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def pins() -> dict[str, str]:
    text = (ROOT / "tests/constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [re.fullmatch(r"([\w.-]+)==([\w.]+)( ; .+)?", line) for line in lines]
    assert None not in found
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def asked() -> list[Requirement]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = data["project"]
    extras = [one for extra in project["optional-dependencies"].values() for one in extra]
    texts = [*project["dependencies"], *extras, *data["dependency-groups"]["dev"]]
    return [Requirement(text) for text in [*texts, *data["build-system"]["requires"]]]


def test_every_requirement_has_a_pin_that_it_allows() -> None:
    known = pins()
    for requirement in asked():
        version = known.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} has no pin"
        assert requirement.specifier.contains(version), f"{requirement} does not allow {version}"


def test_pins_name_versions_and_no_addresses() -> None:
    text = (ROOT / "tests/constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert len(pins()) > 40
