"""Makes the pictures of the documentation: ``python docs/pictures.py``.

Needs Chromium (``apt-get install chromium``), the fonts Inter and JetBrains Mono
(``apt-get install fonts-inter fonts-jetbrains-mono``), and
``pip install playwright keras torch pillow``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import callscope

IMAGES: Final = Path(__file__).parent / "images"
SIZE: Final = {"width": 1360, "height": 930}
CALL: Final = "#call-7"  # LSTM.call, to which Layer.__call__ hands over
COLOURS: Final = 160  # of a palette: a quarter of the size, and no difference that one sees


def lstm_page(folder: Path) -> Path:
    """Save the page of a Keras LSTM that is made and called."""
    x = np.ones((2, 3, 5), "float32")
    keras.layers.LSTM(4)(x)  # the first takes its time for other things
    with callscope.record("keras.layers:Layer") as trace:
        keras.layers.LSTM(4)(x)
    return trace.save(folder / "lstm.html")


def take(browser: Browser, page: Path, scheme: str) -> None:
    """Take the picture of a page in one colour scheme."""
    shown = browser.new_page(viewport=SIZE, color_scheme=scheme)
    shown.goto(page.as_uri() + CALL)
    shown.wait_for_selector("#sequence .arrow.selected")
    picture = IMAGES / f"html-{scheme}.png"
    shown.screenshot(path=picture)
    Image.open(picture).convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    shown.close()


def main() -> None:
    """Make all pictures."""
    IMAGES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = lstm_page(Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            take(browser, page, scheme)
        browser.close()


if __name__ == "__main__":
    main()
