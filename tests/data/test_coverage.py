"""The report says which groups a split holds, and which photos in it are nearly the same."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from l2sae.data.coverage import coverage_table, coverage_warnings, near_duplicates
from l2sae.data.dataset import FaceBatch

LIGHT, DARK, GREY = (235, 205, 185), (75, 50, 40), (140, 140, 140)


class Faces:
    """A split in memory whose skin is the middle of each picture."""

    rois = ("hair", "skin")

    def __init__(self, images: list[NDArray[np.uint8]], yaw: list[float] | None = None) -> None:
        self.images = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
        self.names = tuple(f"face{index}" for index in range(len(images)))
        self.attributes = pd.DataFrame({"name": self.names} | ({"turn": yaw} if yaw else {}))

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices) -> FaceBatch:
        labels = torch.zeros(len(list(indices)), *self.images.shape[-2:], dtype=torch.uint8)
        labels[:, 8:24, 8:24] = 2
        return FaceBatch(self.images[list(indices)], labels)


def plain(colour: tuple[int, int, int], right: float = 1.0) -> NDArray[np.uint8]:
    picture = np.full((32, 32, 3), colour, np.float32)
    picture[:, 16:] *= right
    return picture.astype(np.uint8)


def test_groups_are_counted_and_small_ones_marked() -> None:
    faces = Faces([plain(LIGHT)] * 31 + [plain(DARK), plain(GREY), plain(LIGHT, 0.5)], [0.0] * 33 + [0.6])
    table = coverage_table(faces).set_index(["attribute", "group"])  # type: ignore[arg-type]
    assert table.loc[("skin tone", "dark"), "faces"] == 1
    assert table.loc[("skin tone", "dark"), "note"] == "too few to evaluate"
    assert table.loc[("skin tone", "grey photo"), "faces"] == 1
    assert table.loc[("light", "from one side"), "faces"] == 1
    assert table.loc[("light", "even"), "note"] == ""
    assert table.loc[("pose", "turned"), "faces"] == 1


@pytest.mark.parametrize(("colour", "tone"), [(LIGHT, "light"), (DARK, "dark"), ((170, 125, 95), "tan")])
def test_tones_follow_the_individual_typology_angle(colour: tuple[int, int, int], tone: str) -> None:
    table = coverage_table(Faces([plain(colour)]))  # type: ignore[arg-type]
    found = table[table["attribute"] == "skin tone"]["group"].item()
    assert found.endswith(tone)


def test_without_a_skin_roi_only_the_pose_is_counted() -> None:
    faces = Faces([plain(LIGHT)] * 2, [0.0, 0.9])
    assert set(coverage_table(faces, skin="cheeks")["attribute"]) == {"pose"}  # type: ignore[arg-type]
    faces = Faces([plain(LIGHT)] * 2)
    assert len(coverage_table(faces, skin="cheeks")) == 0  # type: ignore[arg-type]


def test_near_duplicates_are_found_and_others_not() -> None:
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, (8, 8, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1) for _ in range(5)]
    again = (coarse[2] * 0.9 + 10).astype(np.uint8)
    assert near_duplicates(Faces([*coarse, again])) == [("face2", "face5")]  # type: ignore[arg-type]


@pytest.fixture
def drawn() -> Faces:
    """Forty rendered faces of one tone, of which four wear a mask and one is turned."""
    faces = Faces([plain(LIGHT)] * 40)
    faces.attributes["monk_tone"] = 3
    faces.attributes["occlusion"] = ["none"] * 36 + ["face_mask"] * 4
    faces.attributes["hidden"] = [0.0] * 36 + [0.05, 0.2, 0.4, 0.5]
    faces.attributes["yaw"] = [-30.0] + [3.0] * 39
    return faces


def test_what_was_drawn_is_counted_and_absent_groups_are_shown(drawn: Faces) -> None:
    table = coverage_table(drawn).set_index(["attribute", "group"])  # type: ignore[arg-type]
    assert table.loc[("Monk skin tone", "Monk 3"), "faces"] == 40
    assert table.loc[("Monk skin tone", "Monk 10"), ["faces", "note"]].tolist() == [0, "none"]
    assert len(table.loc["Monk skin tone"]) == 10
    assert table.loc["occlusion", "faces"].to_dict() == {
        "none": 36, "face_mask": 4, "hand": 0, "hat": 0, "object": 0, "strands": 0,
    }  # fmt: skip
    assert table.loc["share of the face hidden", "faces"].to_dict() == {
        "nothing": 36, "over 30 %": 2, "10 to 30 %": 1, "under 10 %": 1,
    }  # fmt: skip
    assert table.loc[("pose", "turned more"), "faces"] == 1
    assert table.groupby("attribute")["faces"].sum().eq(40).all()


def test_small_groups_give_a_warning_for_each_attribute(drawn: Faces) -> None:
    warnings = coverage_warnings(coverage_table(drawn))  # type: ignore[arg-type]
    told = {line.split(":")[0]: line for line in warnings}
    assert "face_mask (4)" in told["occlusion"]
    assert "none" not in told["occlusion"]
    assert "Monk 1 (0)" in told["Monk skin tone"]
    assert "light" not in told  # all forty are lit evenly
