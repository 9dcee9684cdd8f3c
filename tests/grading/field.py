"""What really gets handed in: notebooks that are right, or nearly, and odd in some other way.

Each kind was seen in public reports of students and instructors. A right answer must get all its
points; where it cannot be judged here, its student must read why, and nobody must get a zero.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

from course_lib.grading import demo, notebook
from course_lib.grading.results import Result

A1, A2, A4 = "a1_toy_diffusion", "a2_mnist_ddpm", "a4_diagnosis"
A6 = "a6_flow_and_few_steps"
Change = Callable[[dict], dict]


@dataclass(frozen=True)
class Field:
    """One submission.

    change  makes it from the master
    score   the points that are deserved
    says    what the findings must contain; if nothing, there must be no finding
    """

    name: str
    change: Change
    status: str = "graded"
    score: float = 100
    says: str = ""
    assignment: str = A1

    def judge(self, result: Result) -> str | None:
        """Return what is wrong with the result, or None."""
        told = [*result.findings, *(f for mark in result.marks for f in mark.findings)]
        if (result.status, result.score) != (self.status, self.score):
            return f"it is {result.status} with {result.score} points: {told}"
        if self.says not in " ".join(told):
            return f"the findings do not contain {self.says!r}: {told}"
        return f"it has findings: {told}" if told and not self.says else None


# --- what they are made of -----------------------------------------------------------------------


def edited(name: str, edit: Callable[[str], str]) -> Change:
    """Edit the text of one cell."""

    def change(master: dict) -> dict:
        content = copy.deepcopy(master)
        cells = [cell for cell in content["cells"] if notebook.name_of(cell) == name]
        assert cells, f"the master has no cell {name}"
        for cell in cells:
            cell["source"] = edit("".join(cell["source"]))
        return content

    return change


def above(name: str, text: str) -> Change:
    """Write something above an answer, in its cell."""
    return edited(name, lambda source: f"{text}\n{source}")


def below(name: str, text: str) -> Change:
    """Write something below an answer, in its cell."""
    return edited(name, lambda source: f"{source}\n{text}")


def inside(name: str, head: str, text: str) -> Change:
    """Write a line below one of an answer's lines, indented as a function's body."""

    def edit(source: str) -> str:
        assert head in source, f"{name} has no line {head}"
        return source.replace(head, f"{head}\n    {text}", 1)

    return edited(name, edit)


def answer(name: str, source: str) -> Change:
    """Answer otherwise."""
    return edited(name, lambda _: source)


def own(source: str, after: str = "") -> Change:
    """Add a cell of the student's own after another one, or at the end."""

    def change(master: dict) -> dict:
        names = [notebook.name_of(cell) for cell in master["cells"]]
        at = names.index(after) + 1 if after else len(names)
        return demo.with_cell(master, source, at)

    return change


def both(*changes: Change) -> Change:
    """Make several changes."""

    def change(master: dict) -> dict:
        for one in changes:
            master = one(master)
        return master

    return change


EARLY = "setup"
MATH = """
import math

def embed(t, d):
    w = torch.exp(-math.log(10000.0) * torch.arange(0, d, 2) / d)
    return torch.cat([torch.cos(torch.outer(t.float(), w)), torch.sin(torch.outer(t, w))], 1)
"""
TWO_LOSSES = """
def error(model, x_t, t, eps):
    return (model(x_t, t) - eps).square()

{between}

def loss(model, x0, t, eps, alpha_bar):
    return error(model, add_noise(x0, t, eps, alpha_bar), t, eps).mean()
"""
HELPED = """
def loss(model, x0, t, eps, alpha_bar):
    return {helper}(model(add_noise(x0, t, eps, alpha_bar), t) - eps)
"""
JUMP = """
def add_noise(x0, t, eps, alpha_bar):
    share = alpha_bar[t].reshape(-1, *[1] * (x0.ndim - 1))
    return share.sqrt() * x0 + (1 - share).sqrt() * eps
"""
MSE = "def mse(off):\n    return off.square().mean()"
WALK = "eps = model(x, torch.full((len(x),), t))"
STUB = "def {head}:\n    raise NotImplementedError()"
GPU = "wants a GPU, and there is none here"


def field(kind: str, *cases: tuple) -> list[Field]:
    """Name cases after their kind: (what, change, options)."""
    return [Field(f"{kind}: {what}", change, **dict(*more)) for what, change, *more in cases]


MAGICS = field(
    "magic",
    ("inline above an answer", above("ex2_forward", "%matplotlib inline")),
    ("inline above an import", both(own("%matplotlib inline\nimport math", EARLY),
                                    answer("ex3_embedding", MATH.replace("import math", "")))),
    ("qt, widget, notebook", own("%matplotlib qt\n%matplotlib widget\n%matplotlib notebook\n"
                                 "import numpy as np", EARLY)),
    ("pip above an answer", above("ex2_forward", "%pip install -q einops\n!pip install tqdm")),
    ("config and load_ext", above("ex5_loss", "%config InlineBackend.figure_format = 'retina'\n"
                                  "%load_ext tensorboard\n%autoreload 2")),
    ("one that nobody knows", above("ex5_loss", "%tensorboard --logdir runs")),
    ("reset below the set-up", own("%reset -f", EARLY)),
    ("%%time on top", above("ex2_forward", "%%time")),
    ("%%capture on top", above("ex7_sampler", "%%capture out\n%matplotlib inline")),
    ("%%time, and an error below", both(above("ex5_loss", "%%time"), below("ex5_loss", "x0[0]")),
     {"says": "The cell ex5_loss stops with NameError: name 'x0' is not defined"}),
    ("one that nobody knows on top", above("ex7_sampler", "%%memray_flamegraph --leaks")),
    ("%time of a definition", own("%time twice = lambda v: 2 * v\n%timeit -n1 -r1 twice(3)")),
    ("a module written by a cell", both(
        own("%%writefile helpers.py\n" + MSE, EARLY),
        answer("ex5_loss", "from helpers import mse\n" + HELPED.format(helper="mse")))),
    ("a command whose lines are used", own("files = !ls\nprint(len(files))")),
)  # fmt: skip

NAMES = field(
    "name",
    ("loss = loss(…)", own("loss = loss(lambda x, t: x, torch.ones(2, 2), torch.ones(2).long(),\n"
                           "            torch.ones(2, 2), schedule_tables(50)[1])")),
    ("a loop over a function's name", own("for loss in (3.0, 2.0):\n    sample = loss")),
    ("a loop in the middle", own("for add_noise in range(3):\n    pass", "ex2_look")),
    ("sample is a picture before ex8", own("sample = torch.zeros(3)", "ex7_check")),
    ("del of two functions", own("del add_noise, sample")),
    ("all names gone", own("for name in list(globals()):\n    if name[0] != '_':\n"
                           "        del globals()[name]")),
    ("a trial of the same name", own("def sample(model, step, x, noise):\n    return 0 * x")),
    ("a trial before the next answer", own("def sample(*_):\n    return 0", "ex7_check")),
    ("sum is a number", both(own("sum = 0.0\nfor v in (1, 2):\n    sum += v"),
                             answer("ex5_loss", HELPED.format(helper="(lambda off: sum("
                                    "off.square().flatten()) / off.numel())")))),
    ("torch is a number", own("torch = 3")),
    ("a helper deleted at the end", both(own(MSE, "ex2_check"), own("del mse"),
                                         answer("ex5_loss", HELPED.format(helper="mse")))),
    ("a helper defined anew for the next answer", both(
        own("def mse(off):\n    return off.sqrt()", "ex2_check"),
        answer("ex2_forward", JUMP.replace(".sqrt()", ".pow(HALF)") + "\nHALF = 0.5"),
        own("HALF = 7\n" + MSE, "ex4_check"),
        answer("ex5_loss", HELPED.format(helper="mse")),
        own("HALF = 8\ndef mse(off):\n    return 3", "ex8_check"))),
    ("helpers at the end", both(own(MSE), answer("ex5_loss", HELPED.format(helper="mse")))),
    ("a memory that a helper keeps", both(
        own("tables = {}\ncount = 0", EARLY),
        answer("ex5_loss", "def mse(off):\n    global count\n    count += 1\n"
               "    tables.setdefault(off.shape, []).append(count)\n"
               "    return off.square().mean()\n" + HELPED.format(helper="mse")))),
    ("the answer in a cell below, its own left empty", both(
        answer("ex2_forward", STUB.format(head="add_noise(x0, t, eps, alpha_bar)")),
        own(JUMP, "ex2_forward"))),
    ("sample takes one more argument", both(
        edited("ex7_sampler", lambda s: s.replace("step, x, noise)", "step, x, noise, seen=())")),
        edited("ex8_guidance", lambda s: s.replace("step, x, noise)", "step, x, noise, seen=[])"))
    )),
    ("T in a loop at the end", own("for T in (5, 10):\n    print(T)"), {"assignment": A4}),
    ("T in a loop in the middle", own("for T in (5, 10):\n    print(T)", "ex3a_check"),
     {"assignment": A4}),
    ("the programs' tables used up", own("alpha_bar_1, ab_4, line = 1, 2, 3\ndel sigma_2\n"
                                         "share_3.zero_(), ab_6.sqrt_()"),
     {"assignment": A4}),
    ("the programs' functions used up, and one never cured", both(
        answer("ex2b_mend", "# I do not know."), own("loss_2 = loss_1 = sample_2 = 0.5")),
     {"assignment": A4, "score": 90, "says": "as it came in"}),
    ("a cure in a cell below", both(
        answer("ex3b_mend", "raise NotImplementedError()"),
        own("def prepare_3(raw):\n    return raw / 127.5 - 1", "ex3b_mend")),
     {"assignment": A4}),
    ("a cure by assignment", below("ex1b_mend", "cured = loss_1\nloss_1 = "
                                   "__import__('functools').partial(cured)"),
     {"assignment": A4}),
    ("the set-up's helper defined anew", both(
        own("def embed(t, size, base=1e4):\n    w = base ** (-torch.arange(size // 2) / size)\n"
            "    return torch.cat([(t[:, None] * w).cos(), (t[:, None] * w).sin()], 1)", "data"),
        edited("ex1_model", lambda s: s.replace("embed(t, self.dim)",
                                                "embed(t, size=self.dim)"))),
     {"assignment": A2, "score": 80}),
)  # fmt: skip

MODES = field(
    "mode",
    ("no gradients", own("torch.set_grad_enabled(False)"), {"assignment": A2, "score": 80}),
    ("float64", own("torch.set_default_dtype(torch.float64)", EARLY),
     {"assignment": A2, "score": 80}),
    ("another device", own("torch.set_default_device('meta')")),
    ("deterministic", both(own("torch.use_deterministic_algorithms(True)\n"
                               "torch.set_num_threads(4)"),
                           inside("ex7_sampler", "noise):", "torch.ones(2).put_("
                                  "torch.tensor([0]), torch.ones(1))"))),
    ("NumPy raises", both(own("import numpy as np\nnp.seterr(all='raise')"),
                          inside("ex7_sampler", "noise):", "np.exp(np.array(-1e4))"))),
    ("warnings are errors", both(own("import warnings\nwarnings.simplefilter('error')"),
                                 inside("ex2_forward", "eps, alpha_bar):",
                                        "import warnings; warnings.warn('slow')"))),
    ("torch.randn patched", own("torch.randn = torch.rand")),
    ("Tensor.__add__ patched", own("torch.Tensor.__add__ = torch.Tensor.__sub__")),
    ("math.sqrt patched", own("import math, numpy as np\nmath.sqrt = np.sqrt\ndel torch.cat")),
    ("print patched", both(own("import builtins\nbuiltins.print = builtins.sum = None"),
                           inside("ex7_sampler", "noise):", "print('walking')"))),
    ("output closed", both(own("import sys\nsys.stdout = open('log.txt', 'w')\n"
                               "sys.stdout.close()"),
                           inside("ex7_sampler", "noise):", "print('walking')"))),
    ("few recursions", both(own("import sys\nsys.setrecursionlimit(150)"),
                            inside("ex7_sampler", "noise):",
                                   "down = lambda n: n and down(n - 1); down(400)"))),
    ("LaTeX in pictures", both(own("plt.rcParams['text.usetex'] = True"),
                               inside("ex7_sampler", "noise):",
                                      "plt.title('x'); plt.savefig('x.png')"))),
)  # fmt: skip

STOPS = field(
    "stop",
    ("a look at what was drawn, above an import", both(
        own("print(x0.shape)\nimport math", "data"),
        answer("ex3_embedding", MATH.replace("import math", ""))),
     {"says": "NameError: name 'x0' is not defined (it begins: print(x0.shape)). A cell makes "
              "that name which the grader does not run. It cost no points."}),
    ("a trial between two functions", answer("ex5_loss", TWO_LOSSES.format(
        between="error(model, x0, torch.ones(len(x0)).long(), x0)")),
     {"says": "The cell ex5_loss stops with NameError: name 'model'"}),
    ("a drawn table between helpers", answer("ex5_loss", TWO_LOSSES.format(
        between="alpha_bar[0]\nSCALE = -1.5\nname: str = 'loss'\nhalf = lambda v: v / 2")),
     {"says": "name 'alpha_bar' is not defined"}),
    ("a package that is not here", both(
        own("import seaborn_xy as sns\nimport math", EARLY),
        answer("ex3_embedding", MATH.replace("import math", ""))),
     {"says": "A cell of your own stops with ModuleNotFoundError: No module named 'seaborn_xy'"}),
    ("a drive", both(own("from google.colab import drive\ndrive.mount('/content/drive')\n"
                         "try:\n    import math\nexcept ImportError:\n    pass", EARLY),
                     answer("ex3_embedding", MATH.replace("import math", ""))),
     {"says": "A cell of your own stops with ModuleNotFoundError"}),
    ("a style", own("plt.style.use('my-thesis.mplstyle')", EARLY),
     {"says": "A cell of your own stops with OSError"}),
    ("a syntax error in an own cell", own("def f(:\n    pass"),
     {"says": "A cell of your own stops with SyntaxError"}),
    ("not implemented above the answer", above("ex7_sampler", "raise NotImplementedError()")),
    ("a stop in an own cell", own("assert False, 'run no further'\ndel torch", "ex4_check"),
     {"says": "AssertionError: run no further"}),
    ("an import in the set-up", both(
        edited(EARLY, lambda source: source + "\nimport math"),
        answer("ex3_embedding", MATH.replace("import math", ""))),
     {"score": 90, "says": "Your change to the cell setup makes that name, and it was ignored."}),
    ("a variable in place of an argument", inside("ex6_reverse", "alpha_bar):", "x_t = x_t + 0 * "
                                                  "x0.mean()"),
     {"score": 85, "says": "A cell makes that name which the grader does not run."}),
    ("an own cell that was needed", both(
        own("mse = torch.nn.MSELoss(x0.shape)", "data"),
        answer("ex5_loss", HELPED.format(helper="mse"))),
     {"score": 90, "says": "Points of 'The loss' may be lost by it."}),
)  # fmt: skip

PARTLY = {"status": "partly graded"}
LACKS = field(
    "lacks",
    ("a GPU for one function", inside("ex2_forward", "eps, alpha_bar):", "x0 = x0.cuda()"),
     {**PARTLY, "score": 85, "says": f"add_noise() {GPU}"}),
    ("a GPU by name", inside("ex2_forward", "eps, alpha_bar):", "x0 = x0.to('cuda')"),
     {**PARTLY, "score": 85, "says": f"add_noise() {GPU}"}),
    ("a GPU's generator", inside("ex4_draw", "generator):", "torch.randn(2, device='cuda')"),
     {**PARTLY, "score": 90, "says": f"training_draw() {GPU}"}),
    ("an Apple's GPU", inside("ex4_draw", "generator):", "torch.ones(2, device='mps')"),
     {**PARTLY, "score": 90, "says": f"training_draw() {GPU}"}),
    ("a GPU for a table", both(own("half = torch.tensor(0.5, device='cuda')", EARLY),
                               inside("ex2_forward", "eps, alpha_bar):", "x0 = x0 * half * 2")),
     {**PARTLY, "score": 85, "says": "Points of 'The forward process' may be lost by it."}),
    ("a GPU for the networks of a2", edited("ex2_process", lambda s: s.replace(
        "DiffusionModel(image_size, channels)", "DiffusionModel(image_size, channels).cuda()")),
     {**PARTLY, "score": 60, "assignment": A2, "says": GPU}),
    ("a GPU if there is one", above("ex2_forward", "device = 'cuda' if torch.cuda.is_available() "
                                    "else 'cpu'\ntorch.ones(1).to(device)")),
    ("a package", inside("ex7_sampler", "noise):", "import einops_xy"),
     {**PARTLY, "score": 85, "says": "sample() wants a package that is not installed here"}),
    ("a package above an answer", above("ex7_sampler", "import einops_xy"),
     {"says": "The cell ex7_sampler stops with ModuleNotFoundError"}),
    ("a package of an own cell", both(own("import einops_xy as ein", EARLY),
                                      inside("ex7_sampler", "noise):", "x = ein.asnumpy(x)")),
     {**PARTLY, "score": 85, "says": "No module named 'einops_xy'"}),
    ("a network", inside("ex7_sampler", "noise):", "import urllib.request as u; "
                         "u.urlopen('http://example.org')"),
     {**PARTLY, "score": 85, "says": "sample() wants a network, and there is none here"}),
    ("a number for a network", inside("ex7_sampler", "noise):", "import socket; "
                                      "socket.create_connection(('192.0.2.1', 80), 3)"),
     {**PARTLY, "score": 85, "says": "sample() wants a network"}),
    ("input() in a function", inside("ex7_sampler", "noise):", "input('steps? ')"),
     {**PARTLY, "score": 85, "says": "sample() wants somebody who types"}),
    ("input() above an answer", above("ex7_sampler", "steps = int(input('steps? '))"),
     {"says": "The cell ex7_sampler stops with EOFError: EOF when reading a line. It wants "
              "somebody who types"}),
    ("a password", own("import getpass\nkey = getpass.getpass()", EARLY),
     {"says": "It wants somebody who types"}),
    ("a GPU does not make wrong right", both(
        answer("ex8_guidance", "def guided_eps(model, x_t, t, y, w):\n    return 0 * x_t\n\n"
               "def sample_class(model, step, x, noise, y, w):\n    return x.cuda()")),
     {"score": 90, "says": f"sample_class() {GPU}"}),
)  # fmt: skip

SHOWS = field(
    "shows",
    ("much is printed", inside("ex7_sampler", "noise):", "print('x' * 10**6)")),
    ("a picture", inside("ex7_sampler", "noise):", "plt.figure(); plt.plot([1, 2]); plt.show()")),
    ("a bar", edited("ex7_sampler", lambda source: source.replace(
        "in range(len(noise) - 1, 0, -1)", "in tqdm(range(len(noise) - 1, 0, -1))"))),
    ("a bar of text", both(own("from tqdm import tqdm, trange", EARLY), edited(
        "ex7_sampler", lambda source: source.replace("in range(", "in trange(")))),
    ("another backend", both(own("import matplotlib\nmatplotlib.use('TkAgg')", EARLY), inside(
        "ex7_sampler", "noise):", "plt.switch_backend('qtagg'); plt.plot([1]); plt.show()"))),
    ("display and clear_output", both(
        own("from IPython.display import clear_output, display", EARLY),
        inside("ex7_sampler", "noise):", "clear_output(wait=True); display(x)"))),
    ("torch.compile", above("ex7_sampler", "@torch.compile")),
    ("torch.compile with options", above("ex5_loss", "@torch.compile(mode='max-autotune')")),
    ("torch.compile of a network", both(
        edited("ex2_process", lambda s: s.replace(
            "DiffusionModel(image_size, channels)",
            "torch.compile(DiffusionModel(image_size, channels))")),
        edited("ex4_trained", lambda s: s.replace(
            "model = DiffusionModel(28, 1)", "model = DiffusionModel(28, 1)\n    model.compile()"
        ))), {"assignment": A2, "score": 80}),
    ("torch.jit.script", below("ex6_reverse", "drawn = 0\n@torch.jit.script\n"
                               "def half(x: torch.Tensor):\n    return x / 2")),
    ("no_grad on top", above("ex7_sampler", "@torch.no_grad()")),
    ("no gradients from a solver on",
     above("ex4_euler", "torch.set_grad_enabled(False)"), {"assignment": A6}),
)  # fmt: skip

FIELD = [*MAGICS, *NAMES, *MODES, *STOPS, *LACKS, *SHOWS]
