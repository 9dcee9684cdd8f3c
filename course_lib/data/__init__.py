"""What models are trained on: points in the plane, and images of digits.

`shapes` draws clouds of points; `images` loads MNIST, or its stand-in where there is none;
`stored` finds MNIST on disk, and `download` fetches it.
"""

from course_lib.data.images import DataUnavailable, ImageData, data_dir, digits, load_images, mnist
from course_lib.data.shapes import (
    SHAPES,
    Shape,
    gaussians,
    heart,
    labelled,
    moons,
    spiral,
)

__all__ = [
    "SHAPES",
    "DataUnavailable",
    "ImageData",
    "Shape",
    "data_dir",
    "digits",
    "gaussians",
    "heart",
    "labelled",
    "load_images",
    "mnist",
    "moons",
    "spiral",
]
