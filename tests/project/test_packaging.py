"""One truth about what is installed, and a set-up that fails in sentences."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]

# --- pyproject.toml, constraints.txt, environment.yml and .pre-commit-config.yaml agree ----------

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
SYSTEMS = {
    "linux": {"platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "darwin": {"platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "win32": {"platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}


def pinned(name: str, python: str, system: str) -> list[str]:
    """The versions that constraints.txt gives a package on some Python and system."""
    where = {
        **default_environment(),
        **SYSTEMS[system],
        "sys_platform": system,
        "python_version": python,
        "python_full_version": f"{python}.9",
    }
    return [
        specifier.version
        for pin in PINS
        if canonicalize_name(pin.name) == canonicalize_name(name)
        and (pin.marker is None or pin.marker.evaluate(where))
        for specifier in pin.specifier
    ]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_once_within_its_bounds(python, system):
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in (Requirement(line) for group in groups for line in group):
        versions = pinned(requirement.name, python, system)
        assert len(versions) == 1, f"{requirement.name}: {versions}"
        assert versions[0] in requirement.specifier, f"{requirement} but {versions[0]} is pinned"


def test_the_pythons_are_the_same_everywhere():
    bounds = Requirement(f"python{PROJECT['requires-python']}").specifier
    minors = [f"3.{minor}" for minor in range(30)]
    assert [python for python in minors if python in bounds] == PYTHONS
    assert load_setup().VERSIONS == PYTHONS[::-1]


def test_environment_yml_installs_this_project_with_the_constraints():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, packages = environment["dependencies"]
    assert python.partition("=")[::2] in [("python", version) for version in PYTHONS]
    assert (pip, packages) == ("pip", {"pip": ["-c constraints.txt", "-e ."]})
    assert environment["name"] == PROJECT["name"]


def test_pre_commit_uses_the_pinned_ruff():
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    (revision,) = [repo["rev"] for repo in repos if repo["repo"].endswith("ruff-pre-commit")]
    assert pinned("ruff", "3.12", "linux") == [revision.removeprefix("v")]


# --- make ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_lists_every_target_in_one_line():
    targets = re.findall(r"^([a-z]+):(?!.*export)", (ROOT / "Makefile").read_text("utf-8"), re.M)
    for goals in ([], ["help"]):
        command = ["make", "--no-print-directory", *goals]
        lines = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
        assert [line.split()[0] for line in lines] == targets
        assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_without_python_says_so():
    make = ["make", "lab", "PYTHON=no-such-python"]
    result = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode
    assert result.stderr.startswith("There is no no-such-python here: ")


# --- tools/setup_venv.py -------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """A project of its own for the set-up script, with the real one's requirements."""
    (tmp_path / "tools").mkdir()
    for name in ("tools/setup_venv.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def load_setup(root=ROOT):
    """The set-up script as a module."""
    spec = importlib.util.spec_from_file_location("setup_venv", root / "tools" / "setup_venv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failing_sentence(project, python=sys.executable, hide=None, **environment) -> str:
    """Run the set-up, which must fail, and return the one sentence that it says.

    hide  source of a module ``{name: source}`` that shadows a module of the standard library
    """
    shadows = project / "shadows"
    shadows.mkdir(exist_ok=True)
    for name, source in (hide or {}).items():
        (shadows / f"{name}.py").write_text(source, "utf-8")
    result = subprocess.run(
        [python, "tools/setup_venv.py"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(shadows), **environment},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    (sentence,) = result.stderr.splitlines()
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    return sentence


def test_a_wrong_python_is_named(project):
    old = "import sys; sys.version_info = (3, 9, 18, 'final', 0)"
    sentence = failing_sentence(project, hide={"sitecustomize": old}, PATH="")
    assert "needs a 64-bit Python from 3.10 to 3.13" in sentence
    assert "Python 3.9" in sentence


def old_pythons() -> list[Path]:
    """The Pythons before 3.10 that pyenv holds on this computer."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [
        python
        for python in root.glob("versions/*/bin/python")
        if re.match(r"2\.7|3\.[6-9]\.", python.parts[-3])
    ]


@pytest.mark.skipif(not old_pythons(), reason="there is no old Python on this computer")
def test_even_an_old_python_can_read_the_script(project):
    for python in old_pythons():
        assert "needs a 64-bit Python" in failing_sentence(project, python, PATH="")


def test_a_python_without_ensurepip_is_told_what_to_install(project):
    missing = "raise ImportError(name='ensurepip')"
    sentence = failing_sentence(project, hide={"ensurepip": missing})
    assert "lacks its ensurepip module" in sentence
    assert "python3-venv" in sentence


def test_an_environment_behind_a_link_is_not_emptied(project, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    (project / ".venv").symlink_to(other)
    assert "which this would empty" in failing_sentence(project)
    assert (other / "kept").exists()


def test_an_unreachable_index_is_one_sentence(project):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    sentence = failing_sentence(
        project,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL=f"http://127.0.0.1:{port}/simple",
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
    )
    assert "could not be reached" in sentence
    assert "PIP_INDEX_URL" in sentence
    assert not (project / ".venv" / "setup.json").exists()


@pytest.mark.parametrize(
    "complaints",
    [
        "ERROR: No matching distribution found for flit_core",
        "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken",
        "ReadTimeoutError: HTTPSConnectionPool: Read timed out.",
    ],
)
def test_every_sign_of_a_lost_connection_is_read(complaints):
    assert load_setup().explain(complaints).startswith("The package index could not be reached")


def test_other_trouble_shows_the_last_lines_of_pip():
    complaints = "ERROR: Could not find a version of torch==9 (from versions: 2.15.0)"
    first, *_, sentence = load_setup().explain(complaints).splitlines()
    assert first == complaints
    assert sentence.startswith("The packages could not be installed")


def test_only_what_is_missing_is_installed(project, monkeypatch):
    """All of it with a pip that installs nothing, but notes what it was asked for."""
    setup = load_setup(project)
    monkeypatch.chdir(project)
    installed = []
    outcome = None

    def pip_install(*arguments):
        if "--editable" in arguments:
            installed.append(arguments[-1])
        if outcome is KeyboardInterrupt:
            raise outcome
        return outcome

    def run(extras=""):
        monkeypatch.setattr(sys, "argv", ["setup_venv.py", "--extras", extras])
        installed.clear()
        setup.main()
        return list(installed)

    monkeypatch.setattr(setup, "pip_install", pip_install)
    assert run() == ["."]
    assert run() == []
    assert run("test") == [".[test]"]
    assert run() == run("test") == []  # extras are never taken away again

    with (project / "constraints.txt").open("a") as constraints:
        constraints.write("# renewed\n")
    assert run() == [".[test]"]

    outcome = "ERROR: no network"
    with pytest.raises(SystemExit, match="no network"):
        run("benchmark")
    assert run("test") == []  # what was there still works

    outcome = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        run("benchmark")
    outcome = None
    assert run() == ["."]  # nobody knows what an interrupted set-up left

    (project / setup.PYTHON).unlink()
    assert run() == ["."]  # its interpreter is gone


# --- what is in git ------------------------------------------------------------------------------

REGISTRIES = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("registry", "npmjs"),
    ("deb", "debian"),
    ("anaconda", "org"),
    ("download", "pytorch"),
]
THIS_COMPUTER = re.compile(
    "|".join(
        [
            *(re.escape(".".join(words)) for words in REGISTRIES),
            r"/(?:home|Users|root)/\w",
            r"[A-Z]:\\+Users\\",
            re.escape(str(ROOT)),
        ]
    )
)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is not a git checkout")
def test_git_holds_nothing_of_one_computer_or_network():
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for path in (ROOT / name for name in names if name):
        if path.is_file():
            found = THIS_COMPUTER.search(path.read_bytes().decode("latin-1"))
            assert not found, f"{path.relative_to(ROOT)} names {found[0]}"
