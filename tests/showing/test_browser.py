"""One test in a real browser: JupyterLab opens notebook 01, and its slider moves the picture."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TOKEN = "course"
BUSY = '.jp-Notebook-ExecutionIndicator[data-status="busy"]'
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Serve a copy of notebook 01 in JupyterLab; yield its address."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "notebooks" / "01_spiral.ipynb", folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state = tmp_path_factory.mktemp("state")
    environment = dict(os.environ, PYTHONPATH=str(ROOT)) | {
        f"JUPYTER_{kind}_DIR": str(state) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    # JupyterLab draws only the cells near the screen, unless it is told otherwise.
    settings = state / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(state / "settings")
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with open(state / "log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2)
                break
            except OSError:
                assert server.poll() is None, (state / "log").read_text()
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/lab/tree/01_spiral.ipynb?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: install it to test the sliders")
def test_dragging_the_slider_changes_the_picture(lab, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        try:
            drag(playwright, page, lab)
        finally:
            page.screenshot(path=os.environ.get("COURSE_SCREENSHOT", str(tmp_path / "last.png")))
            browser.close()


def drag(playwright, page, address):
    page.goto(address, wait_until="domcontentloaded", timeout=120_000)
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
    for patience in (10_000, 10_000, 60_000):  # a click may come before the kernel listens
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        try:
            page.wait_for_selector(BUSY, timeout=patience)
            break
        except playwright.TimeoutError:
            continue
    page.wait_for_selector(IDLE, timeout=500_000)
    sliders = page.locator(".jp-OutputArea .noUi-handle")
    assert sliders.count() == 6, "the notebook has six sliders; the last is over numbers of steps"
    with_pictures = page.locator(".jp-OutputArea .widget-vbox").filter(has=page.locator("img"))
    box = with_pictures.last
    slider, picture = sliders.last, box.locator("img:visible")
    slider.scroll_into_view_if_needed()
    before = picture.get_attribute("src")
    place = slider.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=10)
    page.mouse.up()
    page.wait_for_timeout(500)
    after = picture.get_attribute("src")
    assert before and after and before != after
