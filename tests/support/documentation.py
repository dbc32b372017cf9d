"""A small company's documentation in every format that is read, and the surroundings to search it."""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from devagent_docs import commands

MARKDOWN = """---
title: The travel handbook
tags: [people]
---
# Travel

How we travel.

## Booking a train

Book with the portal at least two days ahead. See [the portal](https://rail.invalid).

```sh
railctl book --class 2 \\
    --seat window

railctl list
```

## Claiming costs

Send receipts within thirty days to `receipts@acme.invalid`.

### Errors

`E4711: receipt is older than thirty days` means that the claim came too late.
"""
CONFIDENTIAL = """---
title: Pay bands
classification: confidential
---
# Pay bands

The zorptastic band reaches from 10 to 20 quatloos. Booking a train is in no band.
"""
REST = """.. _retrying:

Retrying requests
=================

.. module:: shopclient

Requests are retried with exponential backoff.

.. function:: send_order(order, *, retries=3)

   Send an order. Raises :exc:`TransientError` when the shop stays busy.

   Example::

      send_order(order, retries=5)

Timeouts
--------

The default timeout is thirty seconds.

.. option:: --no-retry

   Give up at once.
"""
ASCIIDOC = """= Deployment guide

== Rolling back

Run the rollback when health checks fail.

----
deploy rollback --to previous
----

== Options

--dry-run::
    Print what would be done.

-f::
--force::
    Skip the health checks.
"""
HTML = """<!DOCTYPE html><html><head><title>Queue settings — Acme 2.4 documentation</title>
<style>p { color: red }</style></head><body>
<nav><a href="/">Home</a> navigation words</nav>
<section id="queues"><h1>Queue settings<a class="headerlink" href="#queues">¶</a></h1>
<p>Queues hold jobs &amp; messages.</p>
<dl><dt id="queue.max_depth"><code class="sig-name">queue.max_depth</code> (integer)
<a class="headerlink" href="#queue.max_depth">¶</a></dt>
<dd><p>How many jobs may wait. Deeper queues are refused with <code>QueueFull</code>.</p></dd></dl>
<p>After the list the section goes on.</p>
<pre>queue:
  max_depth: 10</pre>
<table><tr><th>name</th><th>default</th></tr><tr><td>depth</td><td>100</td></tr></table></section>
<script>var hidden = "script words";</script></body></html>
"""
TEXT = """RELEASE STEPS

Tag the release and push it.

    git tag v1.2.3
"""
MANUAL = r""".TH RAILCTL 1 "2026" "acme"
.SH NAME
railctl \- book trains
.SH OPTIONS
.TP
.BR \-\-seat " " \fIplace\fR
Choose a seat by the window or the aisle.
.SH EXAMPLES
.nf
railctl book
  \-\-seat window
.fi
"""
NOTEBOOK: dict[str, Any] = {
    "nbformat": 4,
    "cells": [
        {"cell_type": "markdown", "source": ["# Churn analysis\n", "\n", "We look at cancellations."]},
        {"cell_type": "code", "source": "frame.groupby('month')", "outputs": [{"output_type": "stream", "text": ["month 1\n"]}]},
    ],
}  # fmt: skip
OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop API", "version": "7.2"},
    "paths": {
        "/orders/{id}": {
            "get": {
                "operationId": "getOrder",
                "summary": "One order with its lines",
                "parameters": [{"name": "expand", "in": "query", "description": "what to include"}],
                "responses": {"404": {"description": "no such order"}},
            }
        }
    },
    "components": {"schemas": {"Order": {"properties": {"total": {"type": "integer", "description": "in cents"}}}}},
}  # fmt: skip
ANSWERS = """question,answer
How do I reset my badge?,"Go to the front desk.

Bring your **passport**."
Where is the coffee?,Second floor
"""
JAPANESE = "# 返品の手順\n\n商品の返品は三十日以内に受け付けます。\n\n# 배송 안내\n\n배송은 이틀이 걸립니다.\n"
GERMAN = "# Urlaubsanträge\n\nAnträge werden von der Leitung genehmigt.\n"


class Place(NamedTuple):
    """The surroundings of a call. ``refused`` are ids, or tags, of resources that policy forbids."""

    folder: str
    settings: Mapping[str, Any]
    obligations: Mapping[str, Any] = {}
    time_limit_s: float = 30.0
    refused: Callable[[str, Sequence[str]], bool] = lambda resource, tags: False

    def secret(self, name: str) -> str | None:
        """None is known."""
        del name

    def may_read(self, resources: Sequence[Mapping[str, Any]]) -> list[bool]:
        """As the house answers."""
        return [not self.refused(one["id"], one["tags"]) for one in resources]


def write_documents(folder: Path) -> None:
    """One document of each format below ``folder``."""
    for name, text in {
        "handbook/travel.md": MARKDOWN,
        "handbook/hr/pay.md": CONFIDENTIAL,
        "handbook/ja.md": JAPANESE,
        "site/queues.html": HTML,
        "site/genindex.html": "<h1>Index</h1><p>everything</p>",
        "misc/client.rst": REST,
        "misc/deploy.adoc": ASCIIDOC,
        "misc/release.txt": TEXT,
        "misc/railctl.1": MANUAL,
        "misc/churn.ipynb": json.dumps(NOTEBOOK),
        "misc/shop.json": json.dumps(OPENAPI),
        "misc/data.json": "{}",
        "misc/answers.csv": ANSWERS,
        "misc/figures.csv": "month,sum\n1,2\n",
        "misc/node_modules/x/README.md": "# Left out\n\nnode words\n",
        "urlaub.md": GERMAN,
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    with zipfile.ZipFile(folder / "snapshot.zip", "w") as archive:
        archive.writestr("guide/start.md", "# Starting\n\nPress the zipped button.\n")
        archive.writestr("../escape.md", "# Escape\n\nescaped words\n")
        archive.writestr(
            "objects.inv", "# Sphinx inventory version 2\n# Project: x\n# Version: 9.1\n"
        )


def collections() -> dict[str, dict[str, Any]]:
    """The settings of the collections over those documents."""
    return {
        "handbook": {"path": "handbook", "description": "How we work", "tags": {"hr/**": ["people.pay"]}},
        "site": {"path": "site", "version": "2.4"},
        "misc": {"path": "misc", "version": "1"},
    }  # fmt: skip


def make_place(folder: Path, **more: Any) -> Place:
    """A workspace with the documents, its settings, and nothing indexed."""
    write_documents(folder)
    return Place(
        str(folder), {"collections": collections(), "index": str(folder / ".index"), **more}
    )


def index_all(here: Place) -> None:
    """Index every collection."""
    for collection in commands.chosen(here, ()):
        commands.index(here, collection)
