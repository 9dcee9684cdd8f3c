"""What assignment a5_cifar10 works with: images, a look at a network, and the visible checks.

`pictures` are what is trained on. `observing` looks at a student's network and `watching` at the
training, and both return what they saw, for the checks and for the grader; what is right they do
not know. `visible` holds the checks.
"""

from course_lib.checks.a5.observing import SIZE, STEPS, learn, look
from course_lib.checks.a5.pictures import SCHEDULE, images, noisy, pictures
from course_lib.checks.a5.visible import FAIR, GOOD, parameters, shapes, training
from course_lib.checks.a5.watching import Target, Watched, watch

__all__ = [
    "FAIR",
    "GOOD",
    "SCHEDULE",
    "SIZE",
    "STEPS",
    "Target",
    "Watched",
    "images",
    "learn",
    "look",
    "noisy",
    "parameters",
    "pictures",
    "shapes",
    "training",
    "watch",
]
