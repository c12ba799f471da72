"""The integrators' page: every format has an example on it, and every example is what its format reads."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors import payloads
from sensors.decoders import decode, formats, tables
from sensors.errors import IntakeError
from sensors.uplink import Unusable, Uplink

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "connect.md").read_text()
EXAMPLES = re.findall(r"```(json|text) ([\w-]+)\n(.*?)```", PAGE, re.DOTALL)


def test_every_format_is_on_the_page_with_an_example() -> None:
    assert {name for _, name, _ in EXAMPLES} == set(formats()) - set(tables())
    assert all(f"`{name}`" in PAGE for name in formats())


@pytest.mark.parametrize(("kind", "name", "text"), EXAMPLES, ids=[name for _, name, _ in EXAMPLES])
def test_an_example_reads_as_it_should(kind: str, name: str, text: str) -> None:
    body = text.encode() if kind == "json" else bytes.fromhex(text)
    found = decode(name, body)
    assert found
    assert not [one for one in found if isinstance(one, Unusable)]
    for one in found:
        if isinstance(one, Uplink) and one.payload:
            assert payloads.read(one, "").distance_cm == 25.7


@given(st.data())
@settings(max_examples=300)
def test_no_mutation_of_an_example_breaks_its_decoder(data: st.DataObject) -> None:
    kind, name, text = data.draw(st.sampled_from(EXAMPLES))
    mutated = bytearray(text.encode() if kind == "json" else bytes.fromhex(text))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        new = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"null", b"-1", b"1e308", b'""', b"[]", b"{}", b"\x7e"])
        )
        mutated[place : place + data.draw(st.integers(0, 20))] = new
        mutated = mutated or bytearray(b" ")
    with suppress(IntakeError):
        for one in decode(name, bytes(mutated)):
            if isinstance(one, Uplink):
                with suppress(IntakeError):
                    payloads.read(one, "")


def test_every_model_is_on_the_page() -> None:
    for model in payloads.models():
        family, _, member = model.partition("-")
        assert f"`{model}`" in PAGE or (f"`{family}-" in PAGE and f"-{member.rpartition('-')[2]}`" in PAGE), model
