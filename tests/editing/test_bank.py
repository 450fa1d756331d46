import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import EditError, Swap, edit
from l2sae.editing.bank import StyleBank, interpolate
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


@pytest.fixture
def bank(tiny_model: L2SAE, photos: Photos) -> StyleBank:
    bank = StyleBank(tiny_model)
    for name, photo in zip("abc", photos, strict=True):
        bank.add_picture(name, photo)
    return bank


def test_a_named_style_edits_as_its_picture_does(bank: StyleBank, tiny_model: L2SAE, photos: Photos) -> None:
    by_name = edit(tiny_model, photos[0], "hair", Swap(bank["b"].vector))
    assert np.array_equal(by_name, edit(tiny_model, photos[0], "hair", Swap(photos[1])))
    assert bank["b"].swap(("hair",)) is bank["b"].swap(("hair",))


def test_styles_come_and_go_by_name(bank: StyleBank) -> None:
    bank.add_vector("mine", bank["a"].vector * 2)
    assert [style.name for style in bank] == ["a", "b", "c", "mine"]
    bank.remove("b")
    assert "b" not in bank
    with pytest.raises(EditError, match="no style named 'b'"):
        bank["b"]
    with pytest.raises(EditError, match="1 to 60 characters"):
        bank.add_vector(" ", bank["a"].vector)
    with pytest.raises(EditError, match="style vector of 3 values"):
        bank.add_vector("short", np.zeros(3, np.float32))


def test_a_face_that_lacks_the_roi_gives_no_style_for_it(
    tiny_model: L2SAE, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tiny_model.mask_logits
    is_hair = torch.tensor([roi == "hair" for roi in tiny_model.roi_names])[:, None, None]
    monkeypatch.setattr(tiny_model, "mask_logits", lambda s, r=None: torch.where(is_hair, -1e4, whole(s, r)))
    bald = StyleBank(tiny_model).add_picture("bald", photos[0])
    with pytest.raises(EditError, match="bald shows no hair"):
        bald.swap(("skin", "hair"))


def test_blends_are_weighted_means(bank: StyleBank) -> None:
    assert np.allclose(bank.blend({"a": 1, "b": 3}), 0.25 * bank["a"].vector + 0.75 * bank["b"].vector, atol=1e-6)
    assert np.allclose(bank.blend({"a": 2}), bank["a"].vector)
    for weights in ({}, {"a": 0}, {"a": -1, "b": 2}, {"a": float("nan")}):
        with pytest.raises(EditError, match="blend with weights"):
            bank.blend(weights)


def test_arithmetic_adds_what_sets_two_styles_apart(bank: StyleBank, tiny_model: L2SAE) -> None:
    a, b, c = (bank[name].vector for name in "abc")
    assert np.allclose(bank.arithmetic("a", "b", "c"), a - b + c, atol=1e-6)
    assert np.allclose(bank.arithmetic("a", "b", "b"), a)
    assert np.allclose(bank.arithmetic("a", "b", "c", amount=0), a)
    assert np.allclose(bank.arithmetic("a", plus="c"), a + c - tiny_model.style_mean.numpy(), atol=1e-6)
    assert np.array_equal(bank.arithmetic("a"), a)
    with pytest.raises(EditError, match="amount=9"):
        bank.arithmetic("a", "b", amount=9)


def test_interpolation_goes_from_one_end_to_the_other(bank: StyleBank) -> None:
    frames = interpolate(bank["a"].vector, bank["b"].vector, 5)
    assert len(frames) == 5
    assert np.allclose(frames[0], bank["a"].vector)
    assert np.allclose(frames[2], (bank["a"].vector + bank["b"].vector) / 2, atol=1e-6)
    assert np.allclose(frames[-1], bank["b"].vector)
    with pytest.raises(EditError, match="1 frames"):
        interpolate(bank["a"].vector, bank["b"].vector, 1)
    with pytest.raises(EditError, match="have to agree"):
        interpolate(bank["a"].vector, bank["b"].vector[:3], 4)


def test_the_map_inverts_on_its_plane(bank: StyleBank) -> None:
    style_map = bank.map()
    for place in ((0, 0), (1.2, -0.4), (-3, 3)):
        assert style_map.locate(style_map.style(*place)) == pytest.approx(place, abs=1e-3)
    for name in "abc":  # three points span the plane, so each is found again
        vector = bank[name].vector
        assert np.allclose(style_map.style(*style_map.locate(vector)), vector, atol=1e-3)
    assert sum(style_map.explained) == pytest.approx(1)
    with pytest.raises(EditError, match="off the map"):
        style_map.style(9, 0)


def test_a_map_needs_three_styles(bank: StyleBank) -> None:
    bank.remove("a")
    with pytest.raises(EditError, match="a map of 2 styles"):
        bank.map()
