"""What a manifest says: its state by what failed, and the steps that the picture went through."""

from typing import Any

import pytest

from l2sae.provenance.manifest_report import LABEL, read_report


def report(failures: tuple[str, ...] = (), **manifests: dict[str, Any]) -> dict[str, Any]:
    """A report as c2pa's reader gives it, of a file whose manifest is called ``new``."""
    own = {
        "claim_generator_info": [{"name": "l2sae"}],
        "signature_info": {"common_name": "Ann"},
        "assertions": [
            {"label": LABEL, "data": {"changed_share": 0.25}},
            {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.opened"}, {"action": "c2pa.edited"}]}},
        ],
        "ingredients": [{"active_manifest": name} for name in manifests],
    }
    codes = [{"code": code} for code in failures]
    results = {"activeManifest": {"failure": codes}}
    return {
        "active_manifest": "new", "manifests": {"new": own, **manifests}, "validation_results": results,
        "validation_status": codes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "failures", "expected"),
    [
        ("Trusted", (), "trusted"),
        ("Valid", ("signingCredential.untrusted",), "valid"),
        ("Invalid", ("signingCredential.expired", "signingCredential.untrusted"), "expired"),
        ("Invalid", ("assertion.dataHash.mismatch",), "tampered"),
        (None, (), "tampered"),
    ],
)
def test_the_state_follows_from_what_failed(state: str | None, failures: tuple[str, ...], expected: str) -> None:
    found = read_report(state, report(failures))
    assert found.status == expected
    assert found.intact == (expected != "tampered")
    assert found.reasons == failures
    assert (found.signer, found.facts) == ("Ann", {"changed_share": 0.25})


def test_history_goes_from_the_newest_to_the_oldest() -> None:
    media = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": media}]}
    made = {"claim_generator": "a generator", "assertions": [{"label": "c2pa.actions", "data": actions}]}
    found = read_report("Valid", report(made=made))
    assert [(step.tool, step.ours, step.generated) for step in found.history] == [
        ("l2sae", True, False), ("a generator", False, True),
    ]  # fmt: skip
    assert found.history[0].actions == ("c2pa.opened", "c2pa.edited")
    assert found.ours


def test_manifests_that_point_at_each_other_are_read_once() -> None:
    circle = {"assertions": [], "ingredients": [{"active_manifest": "new"}, {"active_manifest": "circle"}]}
    assert len(read_report("Valid", report(circle=circle)).history) == 2
