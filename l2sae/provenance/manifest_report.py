"""What a manifest says, once it has been read: its state, its signer, and the history of the picture."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from l2sae.provenance.keys import DEVELOPMENT_NAME

LABEL = "org.l2sae.edit"
Status = Literal["trusted", "valid", "expired", "tampered", "none"]
_EXPIRED = {"signingCredential.expired", "claimSignature.outsideValidity"}
_UNKNOWN = {"signingCredential.untrusted", "timeStamp.untrusted", "timeStamp.outsideValidity"}
_MOST_STEPS = 100  # manifests of others may point at each other in a circle


@dataclass(frozen=True)
class HistoryStep:
    """One manifest of a picture's history.

    Attributes:
        tool: what made it, by its own account.
        signer: common name in the signer's certificate.
        actions: what was done, in the terms of C2PA, e.g. ``c2pa.edited``.
        generated: whether it says that a trained algorithm made the picture, or parts of it.
        ours: whether it is that of an export of this package.
    """

    tool: str
    signer: str | None
    actions: tuple[str, ...]
    generated: bool
    ours: bool


@dataclass(frozen=True)
class Verification:
    """What a picture's manifest says.

    Attributes:
        status: ``trusted`` (intact, and signed under a trust anchor), ``valid`` (intact, but the signer is not known),
            ``expired`` (intact, but the signer's certificate has expired, and no trusted authority states that it was
            signed before), ``tampered`` (changed since it was signed), or ``none`` (without a manifest).
        signer: common name in the signer's certificate.
        development: signed with a development certificate, which anyone can make.
        facts: what the manifest says of the edit: digests, share of pixels changed, purpose.
        reasons: codes of the C2PA specification for what did not hold; ``timeStamp.untrusted`` where the authority
            that states the time is not among the trust anchors.
        history: this manifest's step and those of the pictures that it came from, newest first.
    """

    status: Status
    signer: str | None = None
    development: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    history: tuple[HistoryStep, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether there is a manifest, and nothing has changed since it was signed."""
        return self.status in ("trusted", "valid", "expired")

    @property
    def ours(self) -> bool:
        """Whether the picture, or one that it came from, says that this package exported it."""
        return any(step.ours for step in self.history)


def read_report(state: str | None, report: Mapping[str, Any]) -> Verification:
    """What c2pa's reader found of a file.

    Args:
        state: its validation state.
        report: its report, as of JSON.
    """
    active = report["manifests"][report["active_manifest"]]
    results = report.get("validation_results", {}).get("activeManifest", {})
    failures = {one["code"] for one in results.get("failure", [])}
    signer = active.get("signature_info", {}).get("common_name")
    stamps = [one for one in results.get("informational", []) if one["code"].startswith("timeStamp.")]
    reasons = tuple(dict.fromkeys(one["code"] for one in [*report.get("validation_status", []), *stamps]))
    facts = _assertions(active).get(LABEL, {})
    history = tuple(_steps(report, report["active_manifest"]))
    return Verification(_status(state, failures), signer, signer == DEVELOPMENT_NAME, facts, reasons, history)


def _status(state: str | None, failures: set[str]) -> Status:
    """From what failed for the manifest of the file itself; those of its sources have their own."""
    if failures - _EXPIRED - _UNKNOWN or (state is None and not failures):
        return "tampered"
    if failures & _EXPIRED:
        return "expired"
    return "trusted" if state == "Trusted" else "valid"


def _steps(report: Mapping[str, Any], label: str) -> Iterator[HistoryStep]:
    """The manifest called ``label``, then those of its ingredients, depth first; each once."""
    waiting, seen = [label], set[str]()
    while waiting and len(seen) < _MOST_STEPS:
        name = waiting.pop(0)
        manifest = report["manifests"].get(name)
        if manifest is None or name in seen:
            continue
        seen.add(name)
        yield _step(manifest)
        earlier = [one.get("active_manifest") for one in manifest.get("ingredients", [])]
        waiting = [one for one in earlier if one] + waiting


def _step(manifest: Mapping[str, Any]) -> HistoryStep:
    assertions = _assertions(manifest)
    listed = [
        one for label in ("c2pa.actions", "c2pa.actions.v2") for one in assertions.get(label, {}).get("actions", [])
    ]
    generators = manifest.get("claim_generator_info") or [{"name": manifest.get("claim_generator", "an unnamed tool")}]
    return HistoryStep(
        tool=str(generators[0].get("name", "an unnamed tool")),
        signer=manifest.get("signature_info", {}).get("common_name"),
        actions=tuple(str(one.get("action")) for one in listed),
        generated=any("rainedAlgorithmicMedia" in str(one.get("digitalSourceType")) for one in listed),
        ours=LABEL in assertions,
    )


def _assertions(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {one["label"]: one.get("data", {}) for one in manifest.get("assertions", [])}
