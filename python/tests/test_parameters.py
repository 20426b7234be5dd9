"""Parameters and their words come from the library's table."""

import inspect

import pytest

import wgvq
from wgvq._parameters import Template

CLASSES = [
    value
    for value in vars(wgvq).values()
    if isinstance(value, type) and hasattr(value, "fit_transform") and value is not wgvq.Quantizer
]


def test_every_kind_is_there():
    kinds = wgvq.kinds()
    assert {"VQ", "SQ", "PQ", "OPQ", "RQ", "LSQ", "SFVQ"} <= {kind["name"] for kind in kinds}
    for kind in kinds:
        for example in kind["examples"]:
            quantizer = wgvq.from_spec(example)
            names = [setting["name"] for setting in wgvq.settings(example)]
            assert set(names) <= set(quantizer.get_params()) and quantizer.spec == example
    assert len(CLASSES) == 12


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_signatures_are_those_of_the_table(cls):
    quantizer = cls()
    signature = inspect.signature(cls)
    assert sorted(signature.parameters) == list(quantizer.get_params())
    spec = quantizer._spec()
    trainer = quantizer.get_params().get("trainer")
    for setting in wgvq.settings(spec, trainer):
        parameter = signature.parameters[setting["name"]]
        assert parameter.default == setting["default"] and parameter.kind is parameter.KEYWORD_ONLY
        assert setting["help"] in cls.__doc__
        # The values of switches and of choices are in the type.
        said = [repr(choice) for choice in setting["choices"] or []] or [setting["values"]]
        assert setting["type"] == "bool" or all(value in cls.__doc__ for value in said)
    for name in signature.parameters:
        assert f"\n{name} : " in cls.__doc__


def test_a_default_that_is_given_is_the_default(digits):
    plain = wgvq.ResidualQuantizer(2, 4).fit(digits)
    given = wgvq.ResidualQuantizer(
        2, 4, **{name: value for name, value in plain.get_params().items() if name not in ("stages", "bits")}
    )
    assert (given.fit(digits).transform(digits) == plain.transform(digits)).all()


@pytest.mark.parametrize(
    ("template", "sizes", "spec"),
    [
        ("PQ{parts}x{bits}", {"parts": 8, "bits": 4}, "PQ8x4"),
        ("OPQ{parts},PQ{parts}x{bits}", {"parts": 8, "bits": 4}, "OPQ8,PQ8x4"),
        ("{lattice}[x{bits}][:{scale}]", {"lattice": "E8", "bits": None, "scale": None}, "E8"),
        ("{lattice}[x{bits}][:{scale}]", {"lattice": "Leech24", "bits": 12, "scale": None}, "Leech24x12"),
        ("{lattice}[x{bits}][:{scale}]", {"lattice": "D37", "bits": None, "scale": 0.25}, "D37:0.25"),
        ("{lattice}[x{bits}][:{scale}]", {"lattice": "Z", "bits": 4, "scale": 1e-06}, "Zx4:1e-06"),
        ("SFVQ{bits}[+{position_bits}]", {"bits": 6, "position_bits": 4}, "SFVQ6+4"),
    ],
)
def test_sizes_make_a_spec_and_a_spec_sizes(template, sizes, spec):
    assert Template(template).spec(sizes) == spec
    assert Template(template).sizes(spec) == sizes


def test_a_template_tells_its_specs_from_others():
    opq = Template("OPQ{parts},PQ{parts}x{bits}")
    assert opq.sizes("OPQ4,PQ8x4") is None and opq.sizes("PQ8x4") is None
    assert (
        Template("VQ{n}").sizes("VQ8x8") is None and Template("RQ{stages}x{bits}").sizes("RQ1x10+7x8") is None
    )


def test_a_spec_can_be_changed(digits):
    quantizer = wgvq.from_spec("RQ2x4", beam=9)
    quantizer.set_params(spec="RQ3x4", iters=3)
    assert quantizer.get_params()["beam"] == 9
    assert quantizer.fit(digits).spec_ == "RQ3x4"
    quantizer.set_params(spec="SQ4", levels="lloyd-max")
    assert "beam" not in quantizer.get_params()
    assert quantizer.fit(digits).spec_ == "SQ4"


def test_what_is_shown_can_be_typed():
    for quantizer in (
        wgvq.KMeans(3, iters=5),
        wgvq.from_spec("OPQ2,RQ2x4", beam=7, threads=1),
        wgvq.LatticeQuantizer(),
    ):
        again = eval(repr(quantizer), vars(wgvq))
        assert again.get_params() == quantizer.get_params()


def test_examples_in_the_documentation():
    import doctest

    from wgvq import _quantizers

    failed, tried = doctest.testmod(_quantizers)
    assert tried > 8 and failed == 0
