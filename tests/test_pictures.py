"""Pictures and sliders, built and moved without a browser."""

import io

import ipywidgets
import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import plotting, widgets
from course_lib.samplers import Step
from course_lib.training import Record

matplotlib.use("Agg")


def walk(shape, n=12):
    states = [torch.randn(6, *shape) for _ in range(n + 1)]
    return [
        Step(10 * (n - i), 10 * (n - i - 1), states[i], 0 * states[i], states[i], states[i + 1])
        for i in range(n)
    ]


POINTS, IMAGES = walk((2,)), walk((1, 8, 8))


def test_tile_puts_every_pixel_in_its_place():
    images = torch.linspace(-1, 1, 3 * 2 * 2).reshape(3, 1, 2, 2)
    sheet = plotting.tile(images, columns=2)
    assert sheet.shape == (6, 6, 1) and sheet.dtype == np.uint8
    assert sheet[0, 0, 0] == 0 and sheet[5, 1, 0] == 255
    assert (sheet[2:4] == 255).all() and (sheet[4:, 4:] == 255).all()
    assert np.array_equal(sheet[:2, 4:6, 0], ((images[1, 0].numpy() + 1) * 127.5).round())
    assert plotting.tile(torch.full((1, 3, 2, 2), 9.0), 1).max() == 255


@pytest.mark.parametrize("steps", [POINTS, IMAGES], ids=["points", "images"])
def test_film_strips_show_the_times_asked_for(steps):
    figure = plotting.film_strip(steps, [120, 60, 0])
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["t = 120", "t = 60", "t = 0"]
    states = plotting._at(steps, [120, 60, 0])
    assert states[0] is steps[0].x_t and states[1] is steps[5].x_s and states[2] is steps[-1].x_s


def test_every_plot_draws():
    records = [Record(i + 1, 1 / (i + 1), 1e-3, 1.0, float(i)) for i in range(80)]
    grid = torch.randn(9, 2)
    for figure in (
        plotting.points([grid, grid], ["a", "b"], torch.arange(9)),
        plotting.arrows(grid, [grid, -grid], background=grid),
        plotting.images(torch.randn(5, 1, 8, 8), "five"),
        plotting.images([torch.randn(5, 3, 8, 8)] * 2, ["a", "b"], columns=3),
        plotting.loss_curve(records),
        plotting.loss_curve(records[:3]),
        plotting.lines([1, 2, 3], {"a": [1, 2, 3]}, "x", "y", log=True, floor=0.5),
        plotting.step(POINTS[0], y=torch.arange(6)),
        plotting.step(IMAGES[0]),
    ):
        pixels = np.array(Image.open(io.BytesIO(widgets.png(figure))))
        assert pixels.std() > 5


def test_png_closes_its_figure():
    figure = plotting.points([torch.zeros(1, 2)])
    widgets.png(figure)
    assert not matplotlib.pyplot.fignum_exists(figure.number)


def parts(widget, kind):
    found = [widget] if isinstance(widget, kind) else []
    for child in getattr(widget, "children", ()):
        found += parts(child, kind)
    return found


@pytest.fixture
def links(monkeypatch):
    """Record the browser's links, as pairs (source, target)."""
    made = []
    monkeypatch.setattr(ipywidgets, "jslink", lambda *pair: made.append(pair))
    return made


@pytest.mark.parametrize("steps", [POINTS, IMAGES], ids=["points", "images"])
def test_scrubbing_shows_every_step_in_order(steps, links):
    box = widgets.scrub(steps, plotting.step, frames=5)
    (slider,), (play,), (stack,) = (
        parts(box, kind) for kind in (ipywidgets.IntSlider, ipywidgets.Play, ipywidgets.Stack)
    )
    assert slider.max == play.max == 4 and len(stack.children) == 5
    assert ((play, "value"), (slider, "value")) in links
    assert ((slider, "value"), (stack, "selected_index")) in links
    pictures = [bytes(child.value) for child in stack.children]
    assert len(set(pictures)) == 5 and all(p.startswith(b"\x89PNG") for p in pictures)
    for index in range(5):
        stack.selected_index = slider.value = index
        assert bytes(stack.children[stack.selected_index].value) == pictures[index]


def test_an_explorer_has_a_row_for_each_choice(links):
    frame = widgets.png(plotting.points([torch.zeros(1, 2)]))
    box = widgets.explorer([[frame] * 3] * 4, "label")
    outer, along = parts(box, ipywidgets.IntSlider)
    stacks = parts(box, ipywidgets.Stack)
    assert outer.max == 3 and along.max == 2 and len(stacks) == 5
    assert ((outer, "value"), (stacks[0], "selected_index")) in links
    assert all(((along, "value"), (inner, "selected_index")) in links for inner in stacks[1:])


def test_nothing_to_show_is_said():
    with pytest.raises(ValueError, match="listed only once"):
        widgets.scrubber([])
    with pytest.raises(ValueError, match="same number"):
        widgets.explorer([[b""], []], "label")
