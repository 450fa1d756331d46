"""Brings pages that lie outside this folder into the documentation site: notebooks, CONTRIBUTING.md and the like."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

from l2sae.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "MODEL_CARD.md": "model_card.md",
}

_MERMAID = re.compile(r"<script[^>]*>(?:(?!</script>).)*mermaid\.(?:esm\.)?min(?:(?!</script>).)*</script>", re.DOTALL)

_DOCS_LINK = re.compile(r'href="\.\./docs/([\w/]+)\.md')


@event_priority(100)  # before the plugin that makes pages of notebooks
def on_files(files: Files, config: Any) -> Files:
    """Add the pages to what the site is built from."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_links_from_docs(text)))
    files.append(File.generated(config, "api/command_line.md", content=command_line_page()))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        file = File(f"notebooks/{notebook.name}", str(ROOT), config["site_dir"], config["use_directory_urls"])
        files.append(file)
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Mend notebook pages: leave out a script that fetches a drawing library, and turn links to pages of the site."""
    return _DOCS_LINK.sub(r'href="../\1.html', _MERMAID.sub("", output))


def command_line_page() -> str:
    """The help texts of ``l2sae`` and of its commands."""
    parts = ["# Command line\n"]
    for name in [None, *sorted(main.commands)]:
        arguments = ["--help"] if name is None else [name, "--help"]
        with io.StringIO() as text, redirect_stdout(text):
            main.main(arguments, prog_name="l2sae", standalone_mode=False)
            parts.append(f"## {' '.join(filter(None, ['l2sae', name]))}\n\n```text\n{text.getvalue().strip()}\n```\n")
    return "\n".join(parts)


def _links_from_docs(text: str) -> str:
    """The links of a page in the repository's root as they are seen from ``docs``."""
    for source, page in PAGES.items():
        text = text.replace(f"]({source})", f"]({page})")
    return re.sub(r"\]\(docs/", "](", text)
