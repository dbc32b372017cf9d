"""``devagent policy schema``: the JSON Schema of policy files, for editors."""

import json

import click

from devagent.policy.editor_schema import editor_schema


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of policy files (docs/policy.schema.json); editors complete and check by it."""
    click.echo(json.dumps(editor_schema(), indent=2, ensure_ascii=False))
