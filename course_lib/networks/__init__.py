"""Networks: functions ``model(x_t, t, y=None) -> Tensor`` that know nothing of noise schedules.

`conditioning` tells a network the time and the label, `points` is for points in the plane, and
`unet` for images.
"""

from course_lib.networks.conditioning import Conditioning, sinusoidal
from course_lib.networks.points import PointMLP
from course_lib.networks.unet import Attention, ResBlock, UNet

__all__ = ["Attention", "Conditioning", "PointMLP", "ResBlock", "UNet", "sinusoidal"]
