"""Statements of each dialect, one a line: benign ones must give what the engine gives, hostile ones nothing."""

from pathlib import Path


def statements(file: str) -> list[str]:
    """The statements of one file of this folder."""
    return (Path(__file__).parent / file).read_text("utf-8").strip("\n").splitlines()
