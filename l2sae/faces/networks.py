"""MediaPipe's face networks as plain PyTorch modules: detector, mesh, irises and the silhouette of a person.

The architectures are those of Bazarevsky et al., "BlazeFace" (arXiv 1907.05047); Kartynnik et al., "Real-time Facial
Surface Geometry from Monocular Video on Mobile GPUs" (arXiv 1907.06724); Ablavatski et al., "Real-time Pupil Tracking
from Monocular Video for Digital Puppetry" (arXiv 2006.11341); and MediaPipe's selfie segmentation, a MobileNetV3
(arXiv 1905.02244) with a small decoder. All take RGB pictures (B, 3, S, S) float32 in [0, 1], S being the class's
``size``. `l2sae.faces.convert` fills them with MediaPipe's weights.
"""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.threads import FEW_PLACES, in_one_order

FEW_SINGLE_PLACES = 32**2  # of a picture: convolutions of single places on fewer gain little from several threads
MakeActivation = Callable[[int], nn.Module]


class SameConv2d(nn.Conv2d):
    """A convolution padded as TFLite's SAME does where the stride divides the input: the odd pixel at the end."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        total = max(kernel - stride, 0)
        self.before, self.after = total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        few = FEW_SINGLE_PLACES if self.kernel_size == (1, 1) else FEW_PLACES
        with in_one_order(x) if x.shape[2] * x.shape[3] <= few else nullcontext():
            if self.before == self.after:
                return F.conv2d(x, self.weight, self.bias, self.stride, self.before, 1, self.groups)
            x = F.pad(x, (self.before, self.after, self.before, self.after))
            return F.conv2d(x, self.weight, self.bias, self.stride, 0, 1, self.groups)


def _relu(channels: int) -> nn.Module:
    return nn.ReLU()


def _shortcut(x: Tensor, channels: int, stride: int) -> Tensor:
    """The input at the block's output size: maxima of 2 x 2 pixels, missing channels filled with zeros."""
    x = F.max_pool2d(x, 2) if stride == 2 else x
    return F.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1])) if channels > x.shape[1] else x


class BlazeBlock(nn.Module):
    """A depthwise-separable convolution added to its input (BlazeFace, section 3.1)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, activation: MakeActivation = nn.PReLU):
        super().__init__()
        self.outputs, self.stride = outputs, stride
        self.depthwise = SameConv2d(inputs, inputs, 3, stride, groups=inputs)
        self.pointwise = SameConv2d(inputs, outputs, 1)
        self.activation = activation(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        return self.activation(_shortcut(x, self.outputs, self.stride) + self.pointwise(self.depthwise(x)))


class BottleneckBlock(nn.Module):
    """Half the channels, a depthwise convolution, all channels again, added to the input."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.outputs, self.stride = outputs, stride
        inner = outputs // 2
        self.reduce, self.reduced = SameConv2d(inputs, inner, stride, stride), nn.PReLU(inner)
        self.depthwise = SameConv2d(inner, inner, 3, groups=inner)
        self.expand, self.activation = SameConv2d(inner, outputs, 1), nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        change = self.expand(self.depthwise(self.reduced(self.reduce(x))))
        return self.activation(_shortcut(x, self.outputs, self.stride) + change)


class FaceDetector(nn.Module):
    """BlazeFace for rear cameras ("back"): 896 anchors, each with a score, a box and six points."""

    size = 256

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [SameConv2d(3, 24, 5, 2), nn.ReLU()]
        for inputs, outputs in ((24, 24), (24, 48), (48, 96)):
            blocks += [BlazeBlock(inputs, inputs, activation=_relu) for _ in range(7)]
            blocks += [BlazeBlock(inputs, outputs, 2, _relu)]
        self.near = nn.Sequential(*blocks, *(BlazeBlock(96, 96, activation=_relu) for _ in range(7)))
        self.far = nn.Sequential(SameConv2d(96, 96, 3, 2, groups=96), SameConv2d(96, 96, 1), nn.ReLU())
        self.scores = nn.ModuleList([SameConv2d(96, 2, 1), SameConv2d(96, 6, 1)])
        self.boxes = nn.ModuleList([SameConv2d(96, 32, 1), SameConv2d(96, 96, 1)])

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Scores as logits (B, 896), and (B, 896, 16): centre, width and height, six points, as parts of the picture.

        The points: right eye, left eye, tip of the nose, mouth, right ear, left ear (the subject's right).
        """
        near = self.near(2 * pictures - 1)
        maps = near, self.far(near)
        scores = [_by_anchor(head(x), 1) for head, x in zip(self.scores, maps, strict=True)]
        boxes = [_by_anchor(head(x), 16) for head, x in zip(self.boxes, maps, strict=True)]
        return torch.cat(scores, dim=1)[..., 0], torch.cat(boxes, dim=1) / self.size + box_origins().to(near)


def _by_anchor(values: Tensor, length: int) -> Tensor:
    """(B, anchors * length, H, W) to (B, H * W * anchors, length)."""
    return values.permute(0, 2, 3, 1).reshape(len(values), -1, length)


def box_origins() -> Tensor:
    """(896, 16): where a box's values are counted from: its anchor's centre, and 0 for width and height.

    The anchors are the centres of 16 x 16 cells, each twice, then of 8 x 8 cells, each six times.
    """
    grids = []
    for cells, repeats in ((16, 2), (8, 6)):
        line = (torch.arange(cells) + 0.5) / cells
        y, x = torch.meshgrid(line, line, indexing="ij")
        grids.append(torch.stack([x, y], dim=-1).reshape(-1, 2).repeat_interleave(repeats, dim=0))
    origins = torch.cat(grids).repeat(1, 8)
    origins[:, 2:4] = 0
    return origins


class FaceMesh(nn.Module):
    """468 points of a face's surface, and whether there is a face at all."""

    size = 192

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [SameConv2d(3, 16, 3, 2), nn.PReLU(16)]
        widths = (16, 32, 64, 128, 128)
        for inputs, outputs in zip(widths, (*widths[1:], 0), strict=True):
            blocks += [BlazeBlock(inputs, inputs) for _ in range(2)]
            blocks += [BlazeBlock(inputs, outputs, 2)] if outputs else []
        self.trunk = nn.Sequential(*blocks)
        self.score = nn.Sequential(BlazeBlock(128, 128, 2), *_mesh_head(1))
        self.points = nn.Sequential(
            BlazeBlock(128, 128, 2), BlazeBlock(128, 128), BlazeBlock(128, 128), *_mesh_head(468 * 3)
        )

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, 468, 3) as parts of the crop's side, z towards the back; face scores (B,) as logits."""
        features = self.trunk(crops)
        return self.points(features).reshape(-1, 468, 3) / self.size, self.score(features).flatten()


def _mesh_head(outputs: int) -> list[nn.Module]:
    return [SameConv2d(128, 32, 1), nn.PReLU(32), BlazeBlock(32, 32), SameConv2d(32, outputs, 3, 3)]


class EyeLandmarks(nn.Module):
    """Eyelids, brow and iris in a crop around one eye; the crop shows a right eye, or a left one mirrored."""

    size = 64

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            SameConv2d(3, 64, 3, 2),
            nn.PReLU(64),
            *(BottleneckBlock(64, 64) for _ in range(4)),
            BottleneckBlock(64, 128, 2),
            *(BottleneckBlock(128, 128) for _ in range(4)),
            BottleneckBlock(128, 128, 2),
        )
        self.contour, self.iris = _eye_head(71), _eye_head(5)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Contours (B, 71, 2), the first 16 of the lids, and the iris (B, 5, 2), centre first, as parts of the side."""
        features = self.trunk(crops)
        contour, iris = (head(features).reshape(len(crops), -1, 3) / self.size for head in (self.contour, self.iris))
        return contour[..., :2], iris[..., :2]


def _eye_head(points: int) -> nn.Sequential:
    strides = (1, 1, 2, 1, 1, 2, 1, 1)
    return nn.Sequential(*(BottleneckBlock(128, 128, stride) for stride in strides), SameConv2d(128, points * 3, 2, 2))


class Gate(nn.Module):
    """Weights in [0, 1] a channel from the whole picture's means (squeeze and excitation, arXiv 1709.01507)."""

    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.layers = nn.Sequential(
            SameConv2d(channels, inner, 1), nn.ReLU(), SameConv2d(inner, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, channels, 1, 1)."""
        return self.layers(x.mean(dim=(2, 3), keepdim=True))


class InvertedResidual(nn.Module):
    """MobileNetV3's block: widened, filtered, gated, narrowed (arXiv 1905.02244, figure 4)."""

    def __init__(self, widths: tuple[int, int, int], kernel: int, stride: int, gate: int, smooth: bool):
        super().__init__()
        inputs, inner, outputs = widths
        self.activation = nn.Hardswish() if smooth else nn.ReLU()
        self.expand = SameConv2d(inputs, inner, 1)
        self.depthwise = SameConv2d(inner, inner, kernel, stride, groups=inner)
        self.gate = Gate(inner, gate) if gate else None
        self.project = SameConv2d(inner, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, widths[0], H, W) to (B, widths[2], H / stride, W / stride)."""
        inner = self.activation(self.depthwise(self.activation(self.expand(x))))
        inner = inner * self.gate(inner) if self.gate is not None else inner
        return self.project(inner) + x if self.residual else self.project(inner)


class DecoderBlock(nn.Module):
    """Enlarges by 2 and adds gated details of the encoder."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.narrow = SameConv2d(inputs, outputs, 1)
        self.gate = Gate(outputs, outputs)
        self.pointwise = SameConv2d(outputs, outputs, 1)
        self.depthwise = SameConv2d(outputs, outputs, 3, groups=outputs)

    def forward(self, x: Tensor, details: Tensor) -> Tensor:
        """From x (B, inputs, H, W) and details (B, outputs, 2H, 2W) to (B, outputs, 2H, 2W)."""
        x = self.narrow(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        x = F.relu(self.pointwise(details * self.gate(details + x) + x))
        return x + F.relu(self.depthwise(x))


class PersonSegmenter(nn.Module):
    """MediaPipe's selfie segmentation: how far each pixel belongs to a person."""

    size = 256

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv2d(3, 16, 3, 2), nn.Hardswish())
        self.quarter = InvertedResidual((16, 16, 16), 3, 2, gate=8, smooth=False)
        self.eighth = nn.Sequential(
            InvertedResidual((16, 72, 24), 3, 2, gate=0, smooth=False),
            InvertedResidual((24, 88, 24), 3, 1, gate=0, smooth=False),
        )
        self.sixteenth = nn.Sequential(
            InvertedResidual((24, 96, 32), 5, 2, gate=24, smooth=True),
            *(InvertedResidual((32, inner, 32), 5, 1, inner // 4, smooth=True) for inner in (128, 128, 96, 96)),
        )
        self.context, self.context_gate = SameConv2d(32, 128, 1), SameConv2d(32, 128, 1)
        self.decoder = nn.ModuleList([DecoderBlock(128, 24), DecoderBlock(24, 16), DecoderBlock(16, 16)])
        self.out = nn.ConvTranspose2d(16, 1, 2, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 1, 256, 256) in [0, 1], 1 being a person."""
        half = self.stem(pictures)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        x = self.sixteenth(eighth)
        x = F.relu(self.context(x)) * torch.sigmoid(self.context_gate(x.mean(dim=(2, 3), keepdim=True)))
        for block, details in zip(self.decoder, (eighth, quarter, half), strict=True):
            x = block(x, details)
        return torch.sigmoid(self.out(x))
