"""The light's network learns from cameras that can be undone, and from rendered faces whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.bench.light_training import (
    Triples,
    as_first,
    find_camera,
    light_figures,
    photo_colours,
    photo_triples,
    rendered_triples,
    save_light,
    seen_by,
    train_light,
)
from l2sae.editing.photo_light import PARTS, light_network
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.errors import EditError

CAMERAS = np.array([[0.1, -0.1, -0.3, 0.1, 0.2], [-0.3, 0.0, 0.2, -0.1, -0.3], [0, 0, 0, 0, 0]])


def people(count: int, seed: int) -> NDArray[np.float64]:
    """Colours (N, 6, 3), sRGB, of people who differ in lightness, and in the colour of their hair, some of it grey."""
    rng = np.random.default_rng(seed)
    hair = rng.uniform(0.15, 0.6, (count, 1)) * np.array([1, 0.8, 0.7]) ** rng.choice([0, 1, 1.5], (count, 1))
    skin = np.array([0.75, 0.55, 0.45]) * rng.uniform(0.5, 1.1, (count, 1))
    faces = np.stack([hair, skin, 0.6 * skin, 0.8 * skin, skin, skin * [1, 0.7, 0.8]], axis=1)
    return faces.clip(0.05, 0.9)


@pytest.mark.parametrize("camera", CAMERAS)
def test_cameras_are_undone_and_found(camera: NDArray[np.float64]) -> None:
    first, others = people(200, 0), people(200, 1)
    assert as_first(seen_by(first, camera), camera) == pytest.approx(first, abs=1e-6)
    found = find_camera(first, seen_by(first, camera))
    assert np.abs(seen_by(others, found) - seen_by(others, camera)).mean() < 0.02


def test_triples_of_photos_differ_in_light_and_in_people() -> None:
    folders = [seen_by(people(60, seed), camera) for seed, camera in enumerate(CAMERAS)]
    triples = photo_triples(folders, 50, np.random.default_rng(0))
    assert triples.own.shape == triples.seen.shape == triples.true.shape == (50, len(PARTS), 3)
    assert triples.known.all()
    again = photo_triples(folders, 50, np.random.default_rng(0))
    assert np.array_equal(triples.true, again.true)
    assert not np.array_equal(triples.true, photo_triples(folders, 50, np.random.default_rng(1)).true)
    for one in (triples.own, triples.seen):
        assert np.linalg.norm(one - triples.true, axis=2).mean() > 5


def test_the_network_learns_the_light(model: L2SAE, params: Params, tmp_path: Path) -> None:
    lines: list[str] = []
    rendered = rendered_triples(model, params, 18, lines.append)
    assert rendered.own.shape == (18, len(PARTS), 3)
    assert len(lines) == 2
    assert rendered.known.any(axis=0).all()
    assert rendered[2:5].seen.shape == (3, len(PARTS), 3)
    folders = [seen_by(people(60, seed), camera) for seed, camera in enumerate(CAMERAS)]
    learned, held_out = (photo_triples(folders, count, np.random.default_rng(count)) for count in (4000, 300))
    save_light(train_light(rendered, learned, 300, 0), tmp_path / "light.safetensors")
    figures = light_figures(light_network(tmp_path / "light.safetensors"), held_out)
    assert set(figures) == set(PARTS)
    for region in ("skin", "nose", "lips"):
        assert figures[region]["in_light"] < 0.8 * figures[region]["as_they_are"]


def test_figures_look_at_what_is_known_alone() -> None:
    zeros, known = np.zeros((4, len(PARTS), 3)), np.zeros((4, len(PARTS)), bool)
    known[:2] = True
    true = zeros.copy()
    true[2:] = 1000
    triples = Triples(zeros, zeros, true, known)
    found = light_figures(light_network(), triples)
    assert all(one["as_they_are"] == one["in_light"] == 0 for one in found.values())


@pytest.mark.finds_faces
def test_photos_without_a_face_in_colour_are_named(model: L2SAE, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "wall.png")
    with pytest.raises(EditError, match=r"wall\.png first: none shows a face in colour"):
        photo_colours(model, [tmp_path / "wall.png"])
