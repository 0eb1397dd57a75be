"""Deployments -> ``fetchhive.yaml`` -> Deployments: equal, whatever they hold."""

from __future__ import annotations

import yaml
from hypothesis import assume, given

import fh_notebook as fh
from fh_notebook.contract.catalog.deployments import same
from fh_notebook.contract.catalog.reader import read_catalog
from fh_notebook.contract.catalog.writer import HEADER, as_stored, paste_of, without_secret_defaults
from tests.contract.catalog.catalogues import DEPLOYMENTS, SEVERAL, dump_catalog


@given(SEVERAL)
def test_what_is_dumped_reads_back_equal_and_in_order(deployments: list[fh.Deployment]) -> None:
    """Names, variants, descriptions and schemas of every constructor survive, hostile words among them."""
    read = read_catalog(dump_catalog(deployments))
    assert list(read) == [d.name for d in deployments]
    assert all(same(read[d.name], d) or same(read[d.name], as_stored(d)) for d in deployments)
    assert all(
        same(read[d.name], d)
        for d in deployments
        if without_secret_defaults(d.inputs) == d.inputs and "type" in d.inputs
    )


@given(SEVERAL)
def test_an_independent_reader_of_yaml_1_1_sees_the_same(deployments: list[fh.Deployment]) -> None:
    """PyYAML's own safe loader, by whose rules `no` is false and 12:30 a number, reads the very same values."""
    from fh_notebook.contract.catalog.yaml_loader import load

    text = dump_catalog(deployments)
    assert yaml.safe_load(text) == load(text)


@given(DEPLOYMENTS)
def test_the_line_to_paste_is_one_line_that_says_the_deployment(deployment: fh.Deployment) -> None:
    """It may stand in a block or between braces."""
    assume(len(deployment.name) < 200)
    line = paste_of(deployment)
    assert "\n" not in line
    for text in (f"deployments:\n  {line}\n", f"deployments: {{{line}}}"):
        assert same(read_catalog(text)[deployment.name], as_stored(deployment))


def test_a_catalogue_looks_as_a_person_would_write_it() -> None:
    """Short variables are on one line, long ones and texts of several lines in blocks; a comment says what it is."""
    long = [f"a-choice-of-{i}-that-is-long" for i in range(6)]
    triage = fh.Deployment(
        "support-triage",
        description="Sorts tickets.\nThen answers.",
        variants=["keywords", "nearest"],
        inputs={"ticket": fh.text(multiline=True), "topic": fh.text(), "kind": fh.choice(*long, default=long[0])},
    )
    assert dump_catalog([triage, fh.Deployment("open"), fh.Deployment("no", inputs={})]) == (
        HEADER
        + """\
version: 1
deployments:
  support-triage:
    description: |-
      Sorts tickets.
      Then answers.
    variants: [keywords, nearest]
    inputs:
      ticket: {type: string, format: textarea}
      topic: text
      kind:
        type: string
        enum:
          - a-choice-of-0-that-is-long
          - a-choice-of-1-that-is-long
          - a-choice-of-2-that-is-long
          - a-choice-of-3-that-is-long
          - a-choice-of-4-that-is-long
          - a-choice-of-5-that-is-long
        default: a-choice-of-0-that-is-long
  open:
  "no":
    inputs: {}
"""
    )
    assert HEADER.startswith("# ")


def test_no_default_of_a_password_is_written_wherever_it_lies() -> None:
    """Neither its own, nor that of a group, list or reference that holds it; that it may be left out is kept."""
    secret = fh.text(secret=True, default="s3cr3t-1", examples=["s3cr3t-2"])
    inputs = {
        "key": secret,
        "account": fh.group({"key": fh.text(secret=True)}, default={"key": "s3cr3t-3"}),
        "keys": fh.array(secret, default=["s3cr3t-4"]),
        "plain": fh.text(default="shown"),
    }
    deployment = fh.Deployment("d", inputs=inputs)
    text = dump_catalog([deployment])
    assert "s3cr3t" not in text
    read = read_catalog(text)["d"]
    assert read.inputs["properties"]["plain"]["default"] == "shown"
    assert "required" not in read.inputs
    far = fh.Deployment(
        "d",
        inputs={
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/k", "default": "s3cr3t-5"}},
            "$defs": {"k": {"type": "string", "format": "password"}},
            "default": {"a": "s3cr3t-6"},
        },
    )
    assert "s3cr3t" not in dump_catalog([far])
