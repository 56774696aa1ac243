"""`earwitness encoders` and `earwitness datasets`: what there is."""

import json
from collections.abc import Mapping

from earwitness.cli import options


def encoders(as_json: options.AsJson = False) -> None:
    """List the encoders and the ways to bring your own."""
    from earwitness.encoders import list_encoders

    _show(list_encoders(), "encoder", as_json)


def datasets(as_json: options.AsJson = False) -> None:
    """List the data sets and the forms that SOURCE may take."""
    from earwitness.datasets import list_datasets

    _show({dataset.name: dataset.about for dataset in list_datasets()}, "source", as_json)


def _show(found: Mapping[str, str], heading: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(dict(found), indent=1))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column(heading, no_wrap=True)
    table.add_column("what it is")
    for name, text in found.items():
        table.add_row(Text(name), Text(text))
    Console().print(table)
