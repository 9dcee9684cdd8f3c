"""Pictures and sliders, built and moved without a browser."""

import io

import ipywidgets
import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import schedules, showing
from course_lib.judging import precision_recall
from course_lib.samplers import Step
from course_lib.showing import pictures
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
    sheet = showing.tile(images, columns=2)
    assert sheet.shape == (6, 6, 1) and sheet.dtype == np.uint8
    assert sheet[0, 0, 0] == 0 and sheet[5, 1, 0] == 255
    assert (sheet[2:4] == 255).all() and (sheet[4:, 4:] == 255).all()
    assert np.array_equal(sheet[:2, 4:6, 0], ((images[1, 0].numpy() + 1) * 127.5).round())
    assert showing.tile(torch.full((1, 3, 2, 2), 9.0), 1).max() == 255


@pytest.mark.parametrize("steps", [POINTS, IMAGES], ids=["points", "images"])
def test_film_strips_show_the_times_asked_for(steps):
    figure = showing.film_strip(steps, [120, 60, 0])
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["t = 120", "t = 60", "t = 0"]
    states = pictures._at(steps, [120, 60, 0])
    assert states[0] is steps[0].x_t and states[1] is steps[5].x_s and states[2] is steps[-1].x_s


def test_points_have_the_colour_of_their_label():
    labels = torch.arange(8)
    figure = showing.points([torch.randn(8, 2)], labels=labels)
    drawn = figure.axes[0].collections[0]
    figure.canvas.draw()
    assert np.allclose(drawn.get_facecolors(), pictures.LABEL_COLOURS(np.arange(8)))


def test_noise_curves_are_those_of_the_schedules():
    cosine, flow = schedules.cosine(50), schedules.flow(20)
    figure = showing.noise_curves([cosine, flow], torch.zeros(3, 1, 8, 8), "both", t=5)
    beta, alpha_bar, log_snr, row = figure.axes
    for ax, expected in ((beta, cosine.beta), (alpha_bar, cosine.alpha_bar)):
        assert np.allclose(ax.lines[0].get_ydata(), expected[1:])
        assert np.allclose(ax.lines[0].get_xdata(), np.arange(1, 51) / 50)
    assert np.isnan(beta.lines[1].get_ydata()).all()  # its variance is not preserved: no β
    assert np.allclose(log_snr.lines[1].get_ydata(), flow.snr[1:].log())
    assert [line.get_xdata()[0] for line in (beta.lines[2], log_snr.lines[2])] == [0.25, 0.25]
    assert row.images[0].get_array().shape == (8, 28) and figure.get_suptitle() == "both"
    assert len(showing.noise_curves([cosine]).axes) == 3


def test_every_plot_draws():
    records = [Record(i + 1, 1 / (i + 1), 1e-3, 1.0, float(i)) for i in range(80)]
    grid = torch.randn(9, 2)
    for figure in (
        showing.points([grid, grid], ["a", "b"], torch.arange(9)),
        showing.arrows(grid, [grid, -grid], background=grid),
        showing.images(torch.randn(5, 1, 8, 8), "five"),
        showing.images([torch.randn(5, 3, 8, 8)] * 2, ["a", "b"], columns=3),
        showing.loss_curve(records),
        showing.loss_curve(records[:3], floor=0.2),
        showing.lines([1, 2, 3], {"a": [1, 2, 3]}, "x", "y", log=True, floor=0.5),
        showing.noise_curves([schedules.linear(), schedules.flow()]),
        showing.noise_curves([schedules.cosine()], torch.randn(11, 1, 28, 28), "all", 300),
        showing.step(POINTS[0], y=torch.arange(6)),
        showing.step(IMAGES[0]),
        showing.table({"a": torch.randn(5, 1, 8, 8), "b": torch.randn(5, 1, 8, 8)}),
        showing.panels([1, 2, 3], {"a": torch.randn(2, 3), "b": torch.randn(1, 3)}, "x"),
        showing.histograms({"a": torch.randn(99)}, torch.arange(-3, 4), torch.ones(7)),
    ):
        pixels = np.array(Image.open(io.BytesIO(showing.png(figure))))
        assert pixels.std() > 5


def test_png_closes_its_figure():
    figure = showing.points([torch.zeros(1, 2)])
    showing.png(figure)
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
    box = showing.scrub(steps, showing.step, frames=5)
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
    frame = showing.png(showing.points([torch.zeros(1, 2)]))
    box = showing.explorer([[frame] * 3] * 4, "label")
    outer, along = parts(box, ipywidgets.IntSlider)
    stacks = parts(box, ipywidgets.Stack)
    assert outer.max == 3 and along.max == 2 and len(stacks) == 5
    assert ((outer, "value"), (stacks[0], "selected_index")) in links
    assert all(((along, "value"), (inner, "selected_index")) in links for inner in stacks[1:])


def test_nothing_to_show_is_said():
    with pytest.raises(ValueError, match="listed only once"):
        showing.scrubber([])
    with pytest.raises(ValueError, match="same number"):
        showing.explorer([[b""], []], "label")


def test_a_table_has_a_named_row_for_each_batch():
    rows = {"none": torch.full((3, 1, 8, 8), -1.0), "all": torch.full((3, 1, 8, 8), 1.0)}
    axes = showing.table(rows).axes
    assert [ax.texts[0].get_text() for ax in axes] == ["none", "all"]
    assert [ax.images[0].get_array()[4, 4] for ax in axes] == [0, 255]


def test_headings_stand_over_their_columns():
    rows = {name: torch.zeros(3, 1, 8, 8) for name in "ab"}
    table, headings = showing.table(rows, columns=["x", "y", "z"]), ("x", "y", "z")
    curves = showing.noise_curves([schedules.cosine(9)], rows["a"], columns=headings)
    for sheet in (table.axes[0], curves.axes[3]):
        found = [(text.get_text(), text.get_position()[0]) for text in sheet.texts]
        found = [pair for pair in found if pair[0] in headings]
        assert [name for name, _ in found] == list(headings)
        assert all(10 * k <= at < 10 * k + 9 for k, (_, at) in enumerate(found))
    assert not [text for text in table.axes[1].texts if text.get_text() in headings]


def test_no_two_schedules_look_alike():
    table = [schedules.linear(), schedules.cosine(), schedules.sigmoid(), schedules.flow()]
    drawn = showing.noise_curves(table).axes[1].lines
    assert len({line.get_color() for line in drawn}) == len(drawn)
    assert len({line._unscaled_dash_pattern for line in drawn}) == len(drawn)


def test_panels_show_runs_their_mean_and_the_floor():
    runs = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    options = {"floors": {"b": 0.5}, "marks": {"elbow": [2, 1]}}
    figure = showing.panels([1, 2], {"a": runs, "b": runs}, "x", **options)
    left, right = figure.axes
    assert left.lines[0].get_ydata().tolist() == [2, 3]
    assert [line.get_ydata().tolist() for line in left.lines[1:3]] == runs.tolist()
    assert left.lines[3].get_ydata().tolist() == [2, 3] and len(left.lines) == 4
    assert right.lines[3].get_ydata()[0] == 0.5 and left.get_xscale() == "log"
    named = {text.get_text() for text in figure.legends[0].get_texts()}
    assert named == {"mean of the runs", "each run", "real data", "elbow"}
    assert showing.panels([0, 1], {"a": runs}, "x").axes[0].get_xscale() == "linear"


def test_sweeps_show_means_errors_and_floors_of_every_judge():
    measured = {"accuracy": [(0.5, 0.1), (0.9, 0.0)], "frechet": [(2.0, 0.5), (1.0, 0.25)]}
    measured |= {"precision": [(0.4, 0.0)] * 2, "recall": [(0.3, 0.0)] * 2}
    floors = {name: (k / 10, 0.01) for k, name in enumerate(measured)}
    judges = {"first": measured, "second": measured}
    options = {"xlabel": "w", "marks": {"first": [2], "second": [1, 2]}}
    figure = showing.sweeps([1, 2], judges, dict.fromkeys(judges, floors), **options)
    accuracy, distance, both = figure.axes[3:]
    assert distance.get_ylabel() == "Fréchet − floor"
    assert distance.lines[0].get_ydata().tolist() == [2, 1]
    bars = distance.containers[0].lines[2][0].get_segments()
    assert [tuple(bar[:, 1]) for bar in bars] == [(1.5, 2.5), (0.75, 1.25)]
    assert distance.lines[-1].get_ydata()[0] == 0.1
    assert accuracy.lines[-1].get_xydata().tolist() == [[1, 0.5], [2, 0.9]]
    assert {c.get_label() for c in both.containers} == {"precision", "recall"}


def test_balls_count_what_precision_and_recall_count():
    real, samples = torch.randn(2, 30, 2, generator=torch.Generator().manual_seed(0))
    figure = showing.balls({"real": real, "samples": 0.3 * samples})
    shares = precision_recall(real, 0.3 * samples)
    for ax, share in zip(figure.axes, shares, strict=True):
        assert f"{share:.0%}" in ax.get_title() and len(ax.patches) == 30
        centres, inside, outside = (len(dots.get_offsets()) for dots in ax.collections)
        assert centres == inside + outside == 30 and inside == round(30 * share)


def test_signed_numbers_are_red_and_blue_around_white():
    x = torch.tensor([0.0, 1, -1, 2]).reshape(1, 1, 1, 4)
    assert showing.signed(x)[0, :, 0].T.tolist() == [
        [1, 1, 1],
        [1, -1, -1],
        [-1, -1, 1],
        [1, -1, -1],
    ]


def test_points_may_stand_on_others():
    figure = showing.points([torch.zeros(4, 2)] * 2, background=torch.ones(3, 2))
    assert [len(ax.collections[0].get_offsets()) for ax in figure.axes] == [3, 3]


def test_histograms_are_densities_on_the_same_scale_as_the_curve():
    uniform = torch.linspace(0, 1, 10_001)
    (ax,) = showing.histograms({"u": uniform}, torch.linspace(0, 2, 9), torch.ones(9)).axes
    heights = [bar.get_height() for bar in ax.patches]
    assert max(heights) == pytest.approx(1, rel=0.05) and heights[-1] == 0


def test_clouds_of_points_have_a_scale_at_the_edge_of_the_row():
    left, right = showing.points([torch.zeros(1, 2)] * 2).axes
    for ax in (left, right):
        assert list(ax.get_xticks()) == list(ax.get_yticks()) == [-2, 0, 2]
    assert (
        left.yaxis.get_tick_params()["labelleft"] and left.xaxis.get_tick_params()["labelbottom"]
    )
    assert not right.yaxis.get_tick_params()["labelleft"]


def test_histograms_may_have_a_density_each():
    two = {"a": torch.zeros(9), "b": torch.ones(9)}
    grid, density = torch.linspace(-1, 2, 4), torch.tensor([[0.0, 1, 0, 0], [0, 0, 1, 0]])
    axes = showing.histograms(two, grid, density).axes
    assert [ax.lines[0].get_ydata().argmax() for ax in axes] == [1, 2]


def test_the_unavoidable_part_of_a_loss_is_drawn_where_it_is_known():
    records = [Record(i + 1, 1.0, 1e-3, 1.0, float(i)) for i in range(9)]
    (ax,) = showing.loss_curve(records, floor=0.234).axes
    assert set(ax.lines[-1].get_ydata()) == {0.234}
    assert "0.234" in ax.lines[-1].get_label()
    assert len(showing.loss_curve(records).axes[0].lines) == 2


def test_the_most_probable_candidate_is_the_darkest_and_the_mean_is_marked():
    points, share = torch.tensor([[0.0, 0], [2, 0], [0, 2]]), torch.tensor([0.25, 0.75, 0])
    (ax,) = showing.candidates(points, [share], [torch.ones(2)], ["one"]).axes
    data, x_t, mean = ax.collections
    assert data.get_offsets()[-1].tolist() == [2, 0] and data.get_array()[-1] == 1
    assert x_t.get_offsets().tolist() == [[1, 1]]
    assert mean.get_offsets().tolist() == [[1.5, 0]] and ax.get_title() == "one"


def test_a_live_picture_is_drawn_anew_when_the_slider_is_let_go():
    asked, before = [], matplotlib.pyplot.get_fignums()

    def draw(value):
        asked.append(value)
        return showing.points([torch.full((9, 2), value)])

    box = showing.live(draw, [0.0, 0.5, 1.0], "guidance")
    (slider,), (image,) = parts(box, ipywidgets.IntSlider), parts(box, ipywidgets.Image)
    assert slider.max == 2 and not slider.continuous_update and asked == [0.0]
    pictures = [bytes(image.value)]
    for index in (1, 2):
        slider.value = index
        pictures.append(bytes(image.value))
    assert asked == [0.0, 0.5, 1.0] and len(set(pictures)) == 3
    assert slider.description == "guidance = 1"
    slider.value = 0
    assert bytes(image.value) == pictures[0]
    assert matplotlib.pyplot.get_fignums() == before
    with pytest.raises(ValueError, match="no values"):
        showing.live(draw, [], "guidance")


def test_a_live_picture_may_follow_the_hand():
    digits = torch.linspace(-1, 1, 4)[:, None, None, None].expand(4, 1, 5, 6)
    sheets = {zoom: showing.sheet_png(digits, 2, zoom) for zoom in (1, 3)}
    box = showing.live(sheets.get, [1, 3], "zoom", follow=True)
    (slider,), (image,) = parts(box, ipywidgets.IntSlider), parts(box, ipywidgets.Image)
    assert slider.continuous_update and bytes(image.value) == sheets[1]
    slider.value = 1
    assert bytes(image.value) == sheets[3]
    small, large = (matplotlib.pyplot.imread(io.BytesIO(sheet)) for sheet in sheets.values())
    assert small.shape[:2] == (12, 14) and large.shape[:2] == (36, 42)
    assert (small[0, 0, :3] == 0).all() and (small[-1, -1] == 1).all()
    assert (large[::3, ::3] == small).all()


def test_a_tradeoff_gives_every_curve_its_own_axis():
    curves = {"a": ([1, 10], [4, 2]), "b": ([3, 30, 300], [3, 2, 1])}
    (ax,) = showing.tradeoff(curves, "seconds", "distance", floor=0.5).axes
    drawn = [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in ax.lines[:2]]
    assert drawn == [([1, 10], [4, 2]), ([3, 30, 300], [3, 2, 1])]
    assert ax.lines[2].get_ydata()[0] == 0.5
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_a_guess_is_compared_with_the_measurement(capsys):
    guess = showing.Guess("Which is larger?", "left", "right")
    guess.answer("left")
    assert capsys.readouterr().out.startswith("Measured: left. You made no guess")
    guess.children[1].value = "left"
    guess.answer("left")
    guess.answer("right")
    assert capsys.readouterr().out == (
        "Measured: left (as you guessed).\nMeasured: right (your guess was: left).\n"
    )
    with pytest.raises(ValueError, match="none of the options"):
        guess.answer("both")
    with pytest.raises(ValueError, match="two options"):
        showing.Guess("Is it?", "yes")


def test_a_guess_can_be_read_where_there_are_no_widgets():
    bundle = showing.Guess("Which is larger?", "left", "right")._repr_mimebundle_()
    assert bundle["text/plain"] == "Which is larger?  [ ] left  [ ] right"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_u_shape_stands_lower_where_the_picture_is_smaller():
    stations = [("image", (1, 28, 28)), ("block", (32, 14, 14)), ("end", (1, 28, 28))]
    ax = showing.u_shape(stations, shortcuts=[(0, 2)]).axes[0]
    image, block, end = ax.patches[:3]
    assert image.get_y() == end.get_y() > block.get_y()
    assert image.get_height() == 2 * block.get_height() and image.get_width() < block.get_width()
    assert "block\n32×14×14" in [text.get_text() for text in ax.texts]


def test_dots_carry_values_and_errors_in_the_row_of_their_name():
    one, two = torch.tensor([[1.0, 2.0], [0.1, 0.2]]), torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    figure = showing.dots({"a": {"one": one, "two": two}}, ["top", "below"], "score", truth=0)
    ax = figure.axes[0]
    for k, pair in enumerate((one, two)):
        dots, _, (bar,) = ax.containers[k]
        assert dots.get_xdata().tolist() == pair[0].tolist()
        assert [round(float(row)) for row in dots.get_ydata()] == [0, 1]
        ends = [segment[:, 0].tolist() for segment in bar.get_segments()]
        assert np.allclose(ends, [[v - e, v + e] for v, e in pair.T.tolist()])
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first name stands at the top"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["top", "below"]
    assert any(line.get_xdata()[0] == 0 for line in ax.lines if line.get_ls() == "--")


def test_bars_say_their_numbers_and_mark_the_truth():
    measures = {"far": {"real": 1.0, "drawn": 2.5}, "near": {"real": 0.5, "drawn": 0.25}}
    figure = showing.bars(measures, truth="real")
    for ax, values in zip(figure.axes, measures.values(), strict=True):
        assert [bar.get_width() for bar in ax.patches] == list(values.values())
        written = [text.get_text() for text in ax.texts]
        assert written == [f"{value:.2f}" for value in values.values()]
        assert ax.lines[0].get_xdata()[0] == values["real"]


def test_glyphs_are_the_digits_of_their_points():
    x, y = torch.tensor([[0.0, 1], [2, 3], [4, 5]]), torch.tensor([7, 3, 7])
    left, right = showing.glyphs({"read": (x, y), "dots": (x, None)}).axes
    assert [c.get_offsets().tolist() for c in left.collections] == [[[2, 3]], [[0, 1], [4, 5]]]
    assert len(right.collections) == 1 and len(right.collections[0].get_offsets()) == 3
