from datetime import date
from pathlib import Path

import pytest

from l2sae.editing import Recipe
from l2sae.provenance import Policy, PolicyError, load_policy

SHA = "0" * 64


def recipe_of(*rois: str, strength: float = 1.0) -> Recipe:
    layer = {"rois": rois, "style": {"kind": "noise", "sigma": 1.0}, "strength": strength, "seed": 0}
    photo = {"path": None, "sha256": SHA}
    fields = {"photo": photo, "model_sha256": SHA, "compose": "detail", "layers": [layer], "result_sha256": SHA}
    return Recipe.model_validate(fields)


def write(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text)
    return path


def test_the_shipped_file_is_the_default() -> None:
    assert load_policy(Path(__file__).parents[2] / "policy.yaml") == Policy()


def test_without_a_file_the_default_holds_and_with_one_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_policy() == Policy()
    write(tmp_path, "purposes: [teaching]\n")
    assert load_policy().purposes == ("teaching",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("purpose: [research]", "purpose: Extra inputs"),
        ("purposes: []", "purposes: "),
        ("retention_days: soon", "retention_days: "),
        ("max_strength: 3.0", "max_strength: "),
        ("consent_required: 'yes'", "consent_required: "),
        ("mark: faint", "mark: "),
        ("mark: off\nmark_required: true", "exclude each other"),
        ("tsa_url: file:///etc/passwd", "tsa_url: "),
        ("purposes: [research", "not a YAML file"),
        ("- research", "file: "),
    ],
)
def test_mistakes_are_named_with_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml: ") as caught:
        load_policy(write(tmp_path, text))
    assert message in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot read the policy"):
        load_policy(tmp_path / "absent.yaml")


def test_a_policy_is_frozen_and_its_digest_follows_its_meaning(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        Policy().retention_days = 3  # type: ignore[misc]
    commented = load_policy(write(tmp_path, "# the same\nretention_days: 365\n"))
    assert commented.digest == Policy().digest
    assert Policy(retention_days=364).digest != Policy().digest


def test_purposes_consent_and_unmarked_exports_are_checked() -> None:
    policy = Policy(consent_required=True, unmarked_by=("ada",))
    policy.check("research", consent="form 17")
    policy.check("research", consent="form 17", unmarked=True, user="ada")
    for arguments, key in (
        (("advertising", "form 17"), "purposes"),
        (("research", " "), "consent_required"),
        (("research", "form 17", None, True, "bob"), "unmarked_by"),
    ):
        with pytest.raises(PolicyError, match=f"policy, {key}: "):
            policy.check(*arguments)
    Policy(unmarked_by=("*",)).check("research", unmarked=True, user="bob")


def test_edits_are_checked_by_their_recipe() -> None:
    policy = Policy(forbidden_rois=("skin",), max_strength=1.5)
    policy.check("research", recipe=recipe_of("hair", strength=1.5))
    with pytest.raises(PolicyError, match="policy, forbidden_rois: edits of skin"):
        policy.check("research", recipe=recipe_of("hair", "skin"))
    with pytest.raises(PolicyError, match=r"policy, max_strength: strength 1\.6 is above 1\.5"):
        policy.check("research", recipe=recipe_of("hair", strength=1.6))
    with pytest.raises(PolicyError, match="without recipe"):
        policy.check("research")


def test_retention_counts_days() -> None:
    assert Policy(retention_days=30).delete_by(date(2024, 2, 1)) == date(2024, 3, 2)
