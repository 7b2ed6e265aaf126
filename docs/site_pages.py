"""What the documentation site needs besides its pages, which are plain Markdown that GitHub shows.

See https://properdocs.org/user-guide/configuration/#hooks.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
LINK: Final = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<path>(?:\.\./)+[^)#\s]+)\)")
"""A link that goes up: to another folder of pages, or out of them."""
PICTURE: Final = re.compile(r'<(?:img|source)\b[^>]*? (?:src|srcset)="([^"]+)"')
MERMAID: Final = """\
<script type="module">
import mermaid from "https://cdn.jsdelivr.net/npm/mermaid@11/dist/mermaid.esm.min.mjs";
const theme = document.documentElement.dataset.bsTheme === "dark" ? "dark" : "default";
mermaid.initialize({ theme });
</script>
</body>"""

log = logging.getLogger("properdocs.plugins.callscope")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Lead links to files that are no pages to the repository, if the site knows where that is.

    Where `repo_url` is not set, their text is left. Warn, which fails a strict build, of files and
    pictures that are not there.
    """
    folder = Path(page.file.abs_src_path).parent

    def rewritten(link: re.Match[str]) -> str:
        target = (folder / link["path"]).resolve()
        if target.is_relative_to(Path(config.docs_dir).resolve()):
            return link[0]
        if not target.exists() or not target.is_relative_to(ROOT):
            log.warning("%s: there is no file %s", page.file.src_path, link["path"])
        if not config.repo_url:
            return link["text"]
        kind = "tree" if target.is_dir() else "blob"
        path = target.relative_to(ROOT).as_posix()
        return f"[{link['text']}]({config.repo_url.rstrip('/')}/{kind}/main/{path})"

    for picture in PICTURE.findall(markdown):
        if not (folder / picture).exists():
            log.warning("%s: there is no picture %s", page.file.src_path, picture)
    return LINK.sub(rewritten, markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Let Mermaid draw the diagrams of a page that has some."""
    return output.replace("</body>", MERMAID) if 'class="mermaid"' in output else output
