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

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TOKEN = "course"
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
            drag(page, lab)
        finally:
            page.screenshot(path=os.environ.get("COURSE_SCREENSHOT", str(tmp_path / "last.png")))
            browser.close()


def drag(page, address):
    page.goto(address, wait_until="domcontentloaded", timeout=120_000)
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=120_000)
    page.keyboard.press("Escape")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()

    slider = page.locator(".widget-slider .noUi-handle").last
    deadline = time.monotonic() + 400
    while True:  # the notebook draws only what is near the screen, so go and look for the slider
        page.evaluate("document.querySelector('.jp-WindowedPanel-outer')?.scrollBy(0, 500)")
        if slider.count() and slider.is_visible():
            break
        assert time.monotonic() < deadline, "no slider appeared"
        at_end = (
            "(() => { const e = document.querySelector('.jp-WindowedPanel-outer');"
            "return e && e.scrollTop + e.clientHeight > e.scrollHeight - 5 })()"
        )
        if page.evaluate(at_end):
            page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)")
        page.wait_for_timeout(500)

    slider.scroll_into_view_if_needed()
    shown = ".jupyter-widgets.widget-image:visible, img.widget-image:visible"
    before = page.locator(shown).last.get_attribute("src")
    box = slider.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=10)
    page.mouse.up()
    page.wait_for_timeout(500)
    after = page.locator(shown).last.get_attribute("src")
    assert before and after and before != after
