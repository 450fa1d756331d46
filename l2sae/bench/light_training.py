"""How a reference's colours change with the light: the training of the network in `l2sae.editing.photo_light`.

``python -m l2sae.bench ship light`` learns it from two kinds of triples of mean colours, those of a photo, of a
reference, and of the reference in the photo's light:

- rendered ones. The renderer draws the face of the photo with the reference's style of a region, in the photo's light.
- ones made of photos. Each folder of photos is taken as the work of one camera in one light, and its people as people
  like those of the first folder: what the median colours of two folders differ by is the camera's. The colours of a
  person are brought to the first camera, then seen by two, each of them a little off at random.

Random people have the hair, brows, eyes or lips of another one, or dyed hair, or dark glasses, so that no single region
is relied on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.optimize import least_squares
from skimage.color import rgb2lab
from torch import Tensor, nn

from l2sae.editing.align import align_face
from l2sae.editing.colour_cast import is_grey
from l2sae.editing.photo_light import PARTS, SCALE, LightNetwork, face_colours
from l2sae.editing.references import encode_reference
from l2sae.measures.counterfactuals import Light
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.conversions import to_model
from l2sae.pictures.errors import EditError, FaceNotFoundError
from l2sae.pictures.reading import read_photo
from l2sae.render.counterfactual import render_counterfactual

WIDTH = 128
BATCH = 256
RATE = 3e-3
RENDERED_SHARE = 0.5  # weight of rendered triples beside those of photos
OFF = {"gains": 0.05, "exposure": 0.08, "gamma": 0.04, "saturation": 0.15}
"""Standard deviations, of logarithms, by which a camera is off at random."""
LIKELY = np.array([0.3, 1.0, 0.5, 0.5, 1.0, 1.0])
"""How much the median colour of each region of `PARTS` says of a camera: hair says most of its people."""
OF_GREY = 300.0
"""How much the cast of grey and black hair says, of which 0.01 is a distance of about 0.8 in CIELAB."""
STIFF = np.array([1.0, 1.0, 1.0, 5.0, 1.0])
"""How far a camera's values are held to 0: gamma and exposure are hard to tell apart."""
OTHERS = {"hair": 0.15, "brows": 0.15, "eyes": 0.15, "lips": 0.15}
"""How likely the region of a person is another person's."""
ANY = {"hair": 0.05, "eyes": 0.03, "lips": 0.05}
"""How likely it has any colour."""
RENDERED_BATCH = 16
HAIR = list(PARTS).index("hair")
LIGHTS: tuple[Light, Light] = ("own", "other")
SHOWN = (0.004, 0.996)  # of sRGB: beyond it a camera cannot be undone
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Triples:
    """Mean colours (N, 6, 3), CIELAB, of photos, of references, and of these in the light of those.

    ``known`` (N, 6) says of which regions the last is known.
    """

    own: Array
    seen: Array
    true: Array
    known: NDArray[np.bool_]

    def __getitem__(self, index: NDArray[np.integer] | slice) -> "Triples":
        return Triples(self.own[index], self.seen[index], self.true[index], self.known[index])


def rendered_triples(model: L2SAE, params: Params, count: int, progress: Callable[[str], object]) -> Triples:
    """Triples of the first ``count`` faces of a series, every second batch with the reference in other light."""
    found = []
    for number, start in enumerate(range(0, count, RENDERED_BATCH)):
        found.append(_restyled(model, params, range(start, min(start + RENDERED_BATCH, count)), LIGHTS[number % 2]))
        progress(f"light: {min(start + RENDERED_BATCH, count)} of {count} rendered faces")
    own, seen, true = (np.concatenate([getattr(one, name) for one in found]) for name in ("own", "seen", "true"))
    return Triples(own, seen, true, np.concatenate([one.known for one in found]))


def _restyled(model: L2SAE, params: Params, faces: range, light: Light) -> Triples:
    """Triples of consecutive rendered faces, with every region restyled in turn."""
    true, known = np.zeros((len(faces), len(PARTS), 3)), np.zeros((len(faces), len(PARTS)), bool)
    for place, roi in enumerate(PARTS):
        triples = render_counterfactual(
            len(faces), params.data.image_size, params.seed, roi, rois=params.rois, start=faces.start, light=light
        )
        true[:, place] = _colours(model, triples.truth)[:, place]
        known[:, place] = triples.shown.numpy()
    return Triples(_colours(model, triples.content), _colours(model, triples.reference), true, known)


@torch.inference_mode()
def _colours(model: L2SAE, images: Tensor) -> Array:
    return face_colours(model, model.encode(to_model(images.to(model.device), model.image_size)).style)


def photo_colours(model: L2SAE, photos: Sequence[Path]) -> Array:
    """Mean colours (N, 6, 3), CIELAB, of the largest face in each photo that shows one in colour.

    Raises:
        EditError: none does.
    """
    found = []
    for path in photos:
        try:
            face = align_face(read_photo(path)).crop
        except FaceNotFoundError:
            continue
        if not is_grey(face):
            found.append(face_colours(model, encode_reference(model, face)))
    if not found:
        raise EditError(f"{len(photos)} photos, {', '.join(map(str, photos[:1]))} first: none shows a face in colour")
    return np.concatenate(found)


def seen_by(colours: Array, camera: Array) -> Array:
    """Colours (..., R, 3), sRGB in [0, 1], as other cameras see them in their light.

    Args:
        colours: as the first camera sees them.
        camera: (..., 5), logarithms of the gains of red, green and blue light, of gamma, and of saturation.
    """
    gains, gamma, saturation = np.split(np.exp(camera[..., None, :]), [3, 4], axis=-1)
    seen = _from_light(_to_light(colours) * gains) ** gamma
    grey = seen.mean(axis=-1, keepdims=True)
    return np.asarray((grey + (seen - grey) * saturation).clip(*SHOWN))


def as_first(colours: Array, camera: Array) -> Array:
    """The inverse of :func:`seen_by`."""
    gains, gamma, saturation = np.split(np.exp(-camera[..., None, :]), [3, 4], axis=-1)
    grey = colours.mean(axis=-1, keepdims=True)
    seen = (grey + (colours - grey) * saturation).clip(*SHOWN) ** gamma
    return np.asarray(_from_light(_to_light(seen) * gains).clip(*SHOWN))


def find_camera(first: Array, other: Array) -> Array:
    """The camera (5,) that sees the people of one folder (N, 6, 3) as those of another (M, 6, 3), sRGB in [0, 1].

    It sees the median face as theirs, and the greyest hair as theirs: black and grey hair tells the colour of the
    light, which skin does not.
    """
    start, wanted = np.median(first, axis=0), rgb2lab(np.median(other, axis=0))
    grey, cast = _greyest(first[:, HAIR]), _cast(rgb2lab(_greyest(other[:, HAIR])))

    def apart(camera: Array) -> Array:
        error = (rgb2lab(seen_by(start, camera)) - wanted) * LIKELY[:, None]
        of_grey = OF_GREY * (_cast(rgb2lab(seen_by(grey[None], camera)))[0] - cast)
        return np.concatenate([error.ravel(), of_grey, camera * STIFF])

    return np.asarray(least_squares(apart, np.zeros(len(STIFF))).x)


def _greyest(colours: Array) -> Array:
    """The median (3,) of the tenth of colours (N, 3), sRGB, that are nearest to grey."""
    chroma = np.linalg.norm(_cast(rgb2lab(colours)), axis=1)
    return np.asarray(np.median(colours[chroma.argsort()[: -(-len(colours) // 10)]], axis=0))


def _cast(lab: Array) -> Array:
    """How far colours (..., 3) in CIELAB are from grey, whatever their lightness: (..., 2)."""
    return np.asarray(lab[..., 1:] / (lab[..., :1] + 16))


def photo_triples(folders: Sequence[Array], count: int, rng: np.random.Generator) -> Triples:
    """Triples drawn from the colours (N, 6, 3), sRGB, of the photos of each folder; the larger ones more often."""
    cameras = np.stack([find_camera(folders[0], colours) for colours in folders])
    share = np.sqrt([len(colours) for colours in folders])
    share /= share.sum()
    people = [as_first(colours, camera) for colours, camera in zip(folders, cameras, strict=True)]

    def draw_people() -> Array:
        chosen = rng.choice(len(people), count, p=share)
        drawn = np.stack([people[folder][rng.integers(len(people[folder]))] for folder in chosen])
        for place, region in enumerate(PARTS):
            other = rng.random(count) < OTHERS.get(region, 0)
            drawn[other, place] = rng.permutation(drawn[:, place])[other]
            of_any = rng.random(count) < ANY.get(region, 0)
            drawn[of_any, place] = rng.uniform(*SHOWN, (int(of_any.sum()), 3)) ** 2
        return drawn

    def draw_cameras() -> Array:
        gains = rng.normal(0, OFF["gains"], (count, 3))
        gains += rng.normal(0, OFF["exposure"], (count, 1)) - gains.mean(axis=1, keepdims=True)
        rest = [rng.normal(0, OFF[name], (count, 1)) for name in ("gamma", "saturation")]
        return np.asarray(cameras[rng.choice(len(cameras), count, p=share)] + np.concatenate([gains, *rest], axis=1))

    photos, references, here, there = draw_people(), draw_people(), draw_cameras(), draw_cameras()
    seen = [seen_by(photos, here), seen_by(references, there), seen_by(references, here)]
    own, other, true = (np.asarray(rgb2lab(colours)) for colours in seen)
    return Triples(own, other, true, np.ones((count, len(PARTS)), bool))


def train_light(rendered: Triples, photos: Triples, steps: int, seed: int) -> nn.Sequential:
    """Train the network on triples of both kinds, with one batch of each a step."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    size = 3 * len(PARTS)
    last = nn.Linear(WIDTH, size)
    nn.init.zeros_(last.weight)  # at first references stay as they are
    net = nn.Sequential(nn.Linear(2 * size, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), last)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(steps):
        losses = [_loss(net, triples[rng.integers(len(triples.own), size=BATCH)]) for triples in (rendered, photos)]
        optimizer.zero_grad()
        (RENDERED_SHARE * losses[0] + losses[1]).backward()
        optimizer.step()
        schedule.step()
    return net


def _loss(net: nn.Module, triples: Triples) -> Tensor:
    """Mean square error, in units of `SCALE`, of what the network says of the regions that are known."""
    own, seen, true = (torch.from_numpy(x / SCALE).float() for x in (triples.own, triples.seen, triples.true))
    start = own.flatten(1)
    change = net(torch.cat([start, (seen - own).flatten(1)], dim=1)) - net(
        torch.cat([start, torch.zeros_like(start)], 1)
    )
    error = (seen + change.view_as(seen) - true).square().mean(dim=2)
    return error[torch.from_numpy(triples.known)].mean()


def save_light(net: nn.Sequential, path: Path) -> None:
    """Keep the weights in half precision."""
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    values = {f"{n}.{kind}": getattr(layer, kind) for n, layer in enumerate(layers) for kind in ("weight", "bias")}
    save_file({name: value.detach().half().contiguous() for name, value in values.items()}, path)


def light_figures(network: LightNetwork, triples: Triples) -> dict[str, dict[str, float]]:
    """Mean distance in CIELAB from the truth, of each region.

    Returns:
        Region -> ``as_they_are``, of the references; ``in_light``, of what the network makes of them; ``photo_itself``.
    """
    lit = network(triples.own, triples.seen)
    figures = {}
    for place, region in enumerate(PARTS):
        known = triples.known[:, place]
        found = {"as_they_are": triples.seen, "in_light": lit, "photo_itself": triples.own}
        figures[region] = {
            name: float(np.linalg.norm(x[known, place] - triples.true[known, place], axis=1).mean())
            for name, x in found.items()
        }
    return figures


def _to_light(colours: Array) -> Array:
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def _from_light(light: Array) -> Array:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
