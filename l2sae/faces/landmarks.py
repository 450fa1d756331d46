"""Which of the 478 landmarks lie where: MediaPipe's face mesh, and the irises after it.

Right and left are the subject's, so "right" lies on the left of an upright, unmirrored picture. Closed outlines run
clockwise as seen in the picture, and do not repeat their first point.
"""

import numpy as np
from numpy.typing import NDArray

Landmarks = NDArray[np.float64]
"""(478, 2): x, y in pixels of a picture, pixel centres at whole numbers plus a half."""

MESH_POINTS, POINTS = 468, 478

RIGHT_IRIS = (468, 469, 470, 471, 472)
"""Centre, then four points of the rim: towards the left eye, above, away from the left eye, below."""
LEFT_IRIS = (473, 474, 475, 476, 477)
"""Centre, then four points of the rim: towards the right eye, above, away from the right eye, below."""

RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
"""Outline of the opening between the lids: outer corner, upper lid, inner corner, lower lid."""
LEFT_EYE = (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
"""Outline of the opening between the lids: inner corner, upper lid, outer corner, lower lid."""

RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
"""Outline: upper edge from the temple to the nose, then the lower edge back."""
LEFT_BROW = (336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
"""Outline: upper edge from the nose to the temple, then the lower edge back."""

LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
"""Outline of both lips: right corner, upper edge, left corner, lower edge."""
MOUTH = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""Outline of what lies between the lips, in the same order; flat where the mouth is closed."""
MOUTH_CORNERS = (61, 291)
"""Right, left."""

NOSE = (
    168, 351, 412, 399, 437, 420, 429, 279, 358, 294, 327, 326,
    2, 97, 98, 64, 129, 49, 209, 198, 217, 174, 188, 122,
)  # fmt: skip
"""Outline: the bridge's root, the left side and wing, below the nostrils, the right wing and side."""

FACE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Outline of the face: the forehead's middle (below the hairline), the left side, the chin (152), the right side."""

CHEEKS = (234, 454)
"""The outermost points beside the eyes, right and left."""
NOSE_TIP, NOSE_BASE, MOUTH_MIDDLE, CHIN = 1, 2, 13, 152
"""Points of the middle line, from above."""

RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS = (33, 133), (263, 362)
"""Outer, inner."""
RIGHT_EYE_POINTS, LEFT_EYE_POINTS = (33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380)
"""Six points of each lid outline whose mean is the eye's middle."""

RIGHT_LIDS = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
"""The points of `RIGHT_EYE` in the order of the iris network's first 16 contour points, which give their places."""
LEFT_LIDS = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
"""The points of `LEFT_EYE` in the same order, mirrored."""
