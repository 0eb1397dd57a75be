"""The JSON Schema of ``fetchhive.yaml`` that editors use: it says what the reader says."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker

import fh_notebook as fh
from fh_notebook.contract.catalog.inputs import _KEYWORD_SLIPS, WORDS
from fh_notebook.contract.catalog.reader import read_catalog
from fh_notebook.contract.catalog.yaml_loader import load
from tests.contract.catalog.catalogues import SEVERAL, dump_catalog
from tests.contract.catalog.test_reader import WHOLE, WRONG

SCHEMA: dict[str, Any] = json.loads(files("fh_notebook.contract").joinpath("fetchhive.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())

# What no JSON Schema can say of a text: what is no YAML, a repeated name, a near slip, a reference, a size, a value of
# a variable (that of the cases is called n).
UNSAYABLE = {"syntax", "tag", "propertyNames", "uniqueItems", "$ref", "minimum", "format", "maxLength"}


def _is_sayable(told: str) -> bool:
    place, _, rule = told.rpartition(": ")
    is_near_slip = rule == "additionalProperties" and ".inputs." in place
    is_whole = place.endswith("d.inputs") and rule == "type" and place.startswith("2 ")
    return bool(place) and not (rule in UNSAYABLE or ".inputs.n" in place or is_near_slip or is_whole)


def _plain(text: str) -> Any:
    return load(text)


def _refuses(text: str) -> bool:
    return not VALIDATOR.is_valid(_plain(text))


def test_it_is_a_sound_schema_with_a_description_at_every_key() -> None:
    """By the rules of 2020-12; an editor has something to show for every keyword."""
    Draft202012Validator.check_schema(SCHEMA)
    for place in (SCHEMA, SCHEMA["$defs"]["deployment"], SCHEMA["$defs"]["schema"]):
        for name, said in place["properties"].items():
            assert "description" in said or "$ref" in said, name
    assert SCHEMA["additionalProperties"] is False
    assert SCHEMA["$defs"]["deployment"]["additionalProperties"] is False
    words, schema = SCHEMA["$defs"]["variable"]["anyOf"]
    assert words["enum"] == list(WORDS)
    assert schema["propertyNames"]["not"]["enum"] == list(_KEYWORD_SLIPS)


GOOD = [
    WHOLE,
    "",
    "version: 1",
    "deployments:",
    "deployments: {a: , b: {}}",
    "deployments: {a: {variants: one}}",
    "deployments: {a: {variants: , inputs: , description: }}",
    "deployments: {a: {variants: {b: , c: text}}}",
    "deployments: {a: {inputs: {x: {}, y: any, z: {required: false}, q: {type: [string, 'null']}}}}",
    "deployments: {a: {inputs: {x: {type: object, required: [b], properties: {b: {required: [c]}}}}}}",
    "deployments: {a: {inputs: {type: object, properties: {b: true}}}}",
    "deployments: {a: {inputs: {$schema: 'http://json-schema.org/draft-04/schema#', properties: {b: {minimum: 3, exclusiveMinimum: true}}}}}",
    "deployments: {a: {inputs: {type: {type: string}, properties: text}}}",
    "deployments: {a: {inputs: {x: {x-widget: slider, $ref: '#/properties/x'}}}}",
    "deployments: {1: {}, no: {}}",
    "deployments: {a: {open: true}, b: {open: }, c: {open: true, inputs: {x: text}}, d: {open: false, inputs: {x: text}}}",
    "deployments: {a: {open: , inputs: {type: object}}}",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_the_reader_takes_the_schema_takes(text: str) -> None:
    """Every form of the format is valid in an editor."""
    read_catalog(text)
    assert list(VALIDATOR.iter_errors(_plain(text))) == []


SAYABLE = [(text, told) for text, told, _ in WRONG if _is_sayable(told)]


@pytest.mark.parametrize(("text", "told"), SAYABLE, ids=[told[:60] for _, told in SAYABLE])
def test_what_the_reader_refuses_the_schema_refuses(text: str, told: str) -> None:
    """As far as a JSON Schema can say it."""
    assert _refuses(text)


BAD = [
    "version: 2",
    "version: '1'",
    "deployment: {}",
    "deployments: []",
    "deployments: {' ': {}}",
    "deployments: {a: []}",
    "deployments: {a: {variants: [a, a]}}",
    "deployments: {a: {variants: [1]}}",
    "deployments: {a: {variants: {b: [c]}}}",
    "deployments: {a: {description: 3}}",
    "deployments: {a: {other: 3}}",
    "deployments: {a: {inputs: []}}",
    "deployments: {a: {inputs: {x: string}}}",
    "deployments: {a: {inputs: {x: true}}}",
    "deployments: {a: {inputs: {x: {required: 'no'}}}}",
    "deployments: {a: {inputs: {x: {type: text}}}}",
    "deployments: {a: {inputs: {x: {properties: {y: {required: true}}}}}}",
    "deployments: {a: {inputs: {x: {items: {type: strin}}}}}",
    "deployments: {a: {inputs: {x: {anyOf: []}}}}",
    "deployments: {a: {inputs: {x: {enum: a}}}}",
    "deployments: {a: {inputs: {x: {minLength: -1}}}}",
    "deployments: {a: {inputs: {x: {multipleOf: 0}}}}",
    "deployments: {a: {inputs: {x: {max: 3}}}}",
    "deployments: {a: {inputs: {type: object, properties: {x: text}}}}",
    "deployments: {a: {inputs: {type: object, required: true}}}",
    "deployments: {a: {inputs: {$schema: x, type: array}}}",
    "deployments: {a: {inputs: {properties: {x: {}}}}}",
    "deployments: {a: {open: 'true', inputs: {x: text}}}",
    "deployments: {a: {open: false, inputs: }}",
    "deployments: {a: {open: true, inputs: {$schema: x}}}",
]


@pytest.mark.parametrize("text", BAD)
def test_what_the_schema_refuses_the_reader_refuses(text: str) -> None:
    """An editor shows no error that is none."""
    assert _refuses(text)
    with pytest.raises(fh.InputError):
        read_catalog(text)


@given(SEVERAL)
def test_whatever_is_saved_is_valid_in_an_editor(deployments: list[fh.Deployment]) -> None:
    """Every schema of the constructors, with hostile words."""
    assert list(VALIDATOR.iter_errors(_plain(dump_catalog(deployments)))) == []
