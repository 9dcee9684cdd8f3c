"""Sliders over pictures that were drawn beforehand, so that the picture follows the hand.

Slider and picture are joined in the browser, not in Python: dragging stays smooth, goes on
working when the kernel is gone, and survives in an HTML export of the notebook. The one exception
is ``live``, whose pictures are computed when they are asked for.
"""

import io
from collections.abc import Callable, Sequence

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from course_lib import say
from course_lib.samplers import Step
from course_lib.showing.pictures import tile


def png(figure: Figure, dpi: int = 96) -> bytes:
    """Turn a figure into a PNG picture, and close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    plt.close(figure)
    return buffer.getvalue()


def sheet_png(images: Tensor, columns: int = 10, zoom: int = 3) -> bytes:
    """Turn images into a PNG picture without a figure around them: a few milliseconds.

    images   (N, C, H, W) in [-1, 1]
    columns  images per row
    zoom     screen pixels along each pixel's edge
    """
    pixels = tile(images, columns).repeat(zoom, 0).repeat(zoom, 1)
    buffer = io.BytesIO()
    grey = pixels.shape[-1] == 1
    plt.imsave(buffer, pixels[..., 0] if grey else pixels, cmap="gray", vmin=0, vmax=255)
    return buffer.getvalue()


def _stack(children: Sequence[ipywidgets.Widget]) -> ipywidgets.Stack:
    """Lay widgets on top of each other, the first one visible."""
    return ipywidgets.Stack(children=list(children), selected_index=0)


def _images(frames: Sequence[bytes]) -> ipywidgets.Stack:
    return _stack([ipywidgets.Image(value=f, format="png") for f in frames])


def _slider(count: int, description: str) -> ipywidgets.IntSlider:
    """A slider without a number of its own: the title of each picture says more."""
    return ipywidgets.IntSlider(
        min=0,
        max=count - 1,
        description=description,
        readout=False,
        layout=ipywidgets.Layout(width="420px"),
        style={"description_width": "initial"},
    )


def scrubber(frames: Sequence[bytes], description: str = "step") -> ipywidgets.VBox:
    """Put a slider and a play button over a sequence of pictures.

    frames       PNG pictures, in order
    description  text beside the slider
    Raises       ValueError if there are no frames
    """
    if not frames:
        raise ValueError("There are no frames to show: a sampler can be listed only once.")
    stack, slider = _images(frames), _slider(len(frames), description)
    play = ipywidgets.Play(min=0, max=len(frames) - 1, interval=100)
    ipywidgets.jslink((play, "value"), (slider, "value"))
    ipywidgets.jslink((slider, "value"), (stack, "selected_index"))
    return ipywidgets.VBox([ipywidgets.HBox([play, slider]), stack])


def scrub(
    steps: Sequence[Step], draw: Callable[[Step], Figure], *, frames: int = 40
) -> ipywidgets.VBox:
    """Put a slider over the steps of a sampler.

    steps   what a sampler yielded, in order
    draw    function from a step to a figure, such as ``showing.step``
    frames  number of pictures; of longer trajectories, evenly spaced steps are drawn
    """
    count = min(frames, len(steps))
    chosen = [round(i * (len(steps) - 1) / max(1, count - 1)) for i in range(count)]
    return scrubber([png(draw(steps[i])) for i in chosen], "from noise to data")


def explorer(
    rows: Sequence[Sequence[bytes]], description: str, inner: str = "from noise to data"
) -> ipywidgets.VBox:
    """Put two sliders over a table of pictures: one chooses the row, one moves along it.

    rows         equally long sequences of PNG pictures
    description  text beside the slider that chooses the row
    inner        text beside the other
    Raises       ValueError if the rows are not equally long
    """
    if len({len(row) for row in rows}) != 1:
        raise ValueError("Every row needs the same number of pictures.")
    stacks = [_images(row) for row in rows]
    outer_stack = _stack(stacks)
    outer, along = _slider(len(rows), description), _slider(len(rows[0]), inner)
    ipywidgets.jslink((outer, "value"), (outer_stack, "selected_index"))
    for stack in stacks:
        ipywidgets.jslink((along, "value"), (stack, "selected_index"))
    return ipywidgets.VBox([outer, along, outer_stack])


def live(
    draw: Callable[[float], Figure | bytes],
    values: Sequence[float],
    description: str,
    *,
    follow: bool = False,
) -> ipywidgets.VBox:
    """Put a slider over a picture that is computed anew each time the slider is let go.

    draw         function from a value to a figure, or to a PNG picture; the hand waits for it, so
                 half a second is the most that it should take
    values       what the slider chooses from, in order; the first is drawn at once
    description  text beside the slider, before the value
    follow       draw at every place that the hand passes, too; right below 50 milliseconds
    Raises       ValueError if there are no values

    It needs a running kernel: in an exported page the picture stays what it was.
    """
    if not values:
        raise ValueError("There are no values to choose from.")

    def picture(value: float) -> bytes:
        drawn = draw(value)
        return drawn if isinstance(drawn, bytes) else png(drawn)

    def title(value: float) -> str:
        return f"{description} = {value:g}"

    image = ipywidgets.Image(value=picture(values[0]), format="png")
    slider = _slider(len(values), title(values[0]))
    slider.continuous_update = follow  # else one picture for a move, not for every place passed

    def redraw(change: dict) -> None:
        value = values[change["new"]]
        slider.description, image.value = title(value), picture(value)

    slider.observe(redraw, names="value")
    return ipywidgets.VBox([slider, image])


class Guess(ipywidgets.VBox):
    """A question to be answered by a click, before the measurement answers it.

    question  one sentence
    options   answers to choose from, two or more
    Raises    ValueError if there are fewer than two options

    Where widgets cannot be shown, the question and its options stand there as text.
    """

    def __init__(self, question: str, *options: str) -> None:
        if len(options) < 2:
            raise ValueError("A question needs two options at least.")
        self.question, self.options = question, options
        self._chosen = ipywidgets.ToggleButtons(options=options, value=None)
        self._chosen.style.button_width = "auto"
        super().__init__([ipywidgets.Label(question), self._chosen])

    def _repr_mimebundle_(self, **options: object) -> dict:
        text = f"{self.question}  " + "  ".join(f"[ ] {option}" for option in self.options)
        return {**super()._repr_mimebundle_(**options), "text/plain": text}

    def answer(self, measured: str) -> None:
        """Print what was guessed beside what was measured, one of the options.

        Raises  ValueError if it is not one of them
        """
        if measured not in self.options:
            raise ValueError(f"'{measured}' is none of the options: {', '.join(self.options)}.")
        chosen = self._chosen.value
        if chosen is None:
            say(f"Measured: {measured}. You made no guess; click one above next time.")
        else:
            verdict = "as you guessed" if chosen == measured else f"your guess was: {chosen}"
            say(f"Measured: {measured} ({verdict}).")
