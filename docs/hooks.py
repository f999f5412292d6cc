"""Pages of the site that are files of the repository, and links that work in both.

Pages in docs/ link to the repository's own files, so that they can be read there; on the site such
a link leads to the page that the file is.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {
    "format_spec.md": "reference/format.md",
    "SECURITY.md": "reference/security.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
    "benchmarks/REPRODUCTION.md": "reproduction.md",
    "CHANGELOG.md": "changes.md",
}
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, uri in PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    uri = page.file.src_uri
    source = next((name for name, other in PAGES.items() if other == uri), f"docs/{uri}")

    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        target = PAGES.get(target, target.removeprefix("docs/"))
        return f"]({posixpath.relpath(target, posixpath.dirname(uri) or '.')}{link[2] or ''})"

    return LINK.sub(led, markdown)
