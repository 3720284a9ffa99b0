"""What the site is made of: the repository's own layout, so that a link leads to the same page in both."""

import json
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ".ipynb"
SOURCES = (
    "*.md",
    "docs/*.md",
    "docs/*.ipynb",
    "docs/*.css",
    "docs/pictures/*",
    "benchmarks/*.md",
    "results/*.md",
    "results/mnist-*/*.md",
    "results/mnist-*/figures/*.png",
    "search_spaces/*.yaml",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the pages from where they are, and make a page of each notebook (an event of MkDocs)."""
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == NOTEBOOK:
            file = File.generated(config, name.replace(NOTEBOOK, ".md"), content=notebook_page(path))
        else:
            file = File.generated(config, name, abs_src_path=str(path))
        files.append(file)
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to a notebook to its page (an event of MkDocs)."""
    return markdown.replace(f"{NOTEBOOK})", ".md)")


def notebook_page(path: Path) -> str:
    """Write a notebook as Markdown: texts as they are, code and what it gave."""
    parts = []
    for each in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(each["source"])
        parts.append(text if each["cell_type"] == "markdown" else f"```python\n{text}\n```")
        for output in each.get("outputs", ()):
            data = output.get("data", {})
            plain = output["text"] if output["output_type"] == "stream" else data["text/plain"]
            parts.append("".join(data.get("text/html", ())) or f"```text\n{''.join(plain)}\n```")
    return "\n\n".join(parts) + "\n"
