"""The trivial methods that learned edits are set beside."""

import numpy as np
import torch

from l2sae.measures.baselines import lab_statistics, mean_masks, reinhard
from l2sae.measures.regions import region_means, to_lab


def test_reinhard_matches_mean_and_spread_inside_the_matte():
    generator = torch.Generator().manual_seed(0)
    photos = torch.rand(2, 3, 32, 32, generator=generator) * 0.5 - 0.25
    region = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    region[..., 4:20, 4:20] = True
    lab = to_lab(photos)
    statistics = lab_statistics(lab, region)[:, 0]
    shifted = statistics.flip(0) + torch.tensor([[8.0, 2.0, -3.0], [0.0, 0.0, 0.0]])
    made = region_means(to_lab(reinhard(lab, statistics, shifted)), region)[:, 0]
    torch.testing.assert_close(made, shifted[:, 0], atol=0.1, rtol=0)
    np.testing.assert_allclose(statistics[0, 1, 0], lab[0, 0, 4:20, 4:20].std(correction=0), rtol=1e-4)


def test_mean_masks_are_the_share_of_faces_that_show_a_roi(train_split, model):
    labels = train_split.batch(range(len(train_split))).labels
    masks = mean_masks(train_split, model.roi_names, train_split.image_size)
    assert masks.shape == (len(model.rois), 32, 32)
    torch.testing.assert_close(masks[1], (labels == 2).float().mean(dim=0))
