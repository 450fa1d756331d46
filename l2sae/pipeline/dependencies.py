"""What a stage depends on: the files that its notebook imports, directly or through one another.

``python -m l2sae.pipeline.dependencies`` writes them into ``deps`` of every ``dvc.yaml``; a test holds them equal. A
changed caption then reruns ``figures`` alone, and nothing that shapes a result is left out. DVC compares files by
digest, so a changed comment counts as a change, too: digests without comments would need a stage that always runs, and
``dvc status`` would never be clean.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import nbformat
from ruamel.yaml import YAML

from l2sae.pipeline.project import project_root

PACKAGE = "l2sae"
RUNNER = "l2sae.pipeline.stage"  # runs every notebook and writes its report
PIPELINES = ("dvc.yaml", "continual/dvc.yaml")
_FILE = re.compile(r"[\w.-]+\.(safetensors|json|sha256|yaml)")  # names of files that modules read beside their code


def stage_sources(notebook: Path, root: Path) -> list[str]:
    """Files of the package that a stage's notebook and the stage runner depend on, sorted, relative to ``root``.

    Args:
        notebook: path of the notebook.
        root: folder that holds ``params.yaml`` and the package.
    """
    cells = nbformat.read(notebook, as_version=4).cells
    code = "\n".join(_plain(cell.source) for cell in cells if cell.cell_type == "code")
    return sorted(_closure([RUNNER, *imported_modules(code, "", root)], root))


def module_sources(module: str, root: Path) -> list[str]:
    """Files of the package that a module depends on, itself included, sorted, relative to ``root``."""
    return sorted(_closure([module], root))


def imported_modules(code: str, module: str, root: Path) -> set[str]:
    """Modules of the package that Python code imports, at its top or inside functions; not for type checking only.

    A name that a package passes on by its stub file stands for the module that defines it.
    """
    found: set[str] = set()
    for node in _imports(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE}
            continue
        source = _absolute(node, module)
        if source.split(".")[0] == PACKAGE:
            found |= {_definition(source, alias.name, root) for alias in node.names}
    return found


def write_dependencies(path: Path, root: Path) -> bool:
    """Bring ``deps`` of each stage in a ``dvc.yaml`` up to date; return whether the file changed."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    before = path.read_text(encoding="utf-8")
    document = yaml.load(before)
    for name, stage in document["stages"].items():
        stage["deps"][:] = expected_dependencies(name, stage, root)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(document, file)
    return path.read_text(encoding="utf-8") != before


def expected_dependencies(name: str, stage: dict[str, Any], root: Path) -> list[str]:
    """A stage's dependencies as they should stand: those outside the package, then the files that it imports."""
    notebook = root / "notebooks" / f"{name}.ipynb"
    others = [dep for dep in stage["deps"] if not dep.startswith(f"{PACKAGE}/")]
    module = str(stage["cmd"]).split("-m ")[1].split()[0]
    return [*others, *(stage_sources(notebook, root) if notebook.is_file() else module_sources(module, root))]


def _closure(modules: list[str], root: Path) -> set[str]:
    """Files of these modules, of all that they import, and of what both read beside their code."""
    files: set[str] = set()
    pending, seen = list(modules), set[str]()
    while pending:
        module = pending.pop()
        if module in seen:
            continue
        seen.add(module)
        path = _path(module, root)
        files |= {path.relative_to(root).as_posix()} | _read_by(path, root)
        above = module.rpartition(".")[0]
        package = module if path.name == "__init__.py" else above
        pending += imported_modules(path.read_text(encoding="utf-8"), package, root)
        pending += [above] if above else []  # importing a module runs its package's code
    return files


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        else:
            yield from _imports(node)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    return ".".join([*parts, *([node.module] if node.module else [])])


def _definition(source: str, name: str, root: Path) -> str:
    """The module that ``from source import name`` needs."""
    path = _path(source, root)
    if path.name != "__init__.py":
        return source
    if (path.parent / f"{name}.py").is_file() or (path.parent / name).is_dir():
        return f"{source}.{name}"
    stub = path.with_suffix(".pyi")
    return _stubbed(stub, source).get(name, source) if stub.is_file() else source


@cache
def _stubbed(stub: Path, package: str) -> dict[str, str]:
    """Name -> module, as a package's stub says where the names that it passes on are defined."""
    nodes = ast.walk(ast.parse(stub.read_text(encoding="utf-8")))
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return {alias.name: _absolute(node, package) for node in froms for alias in node.names}


def _path(module: str, root: Path) -> Path:
    base = root.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _read_by(path: Path, root: Path) -> set[str]:
    """Files whose names stand in a module as texts, beside it or among the package's assets."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    places = (path.parent, root / PACKAGE / "assets")
    files = (place / text for text in texts if _FILE.fullmatch(text) for place in places)
    return {file.relative_to(root).as_posix() for file in files if file.is_file()}


def _plain(source: str) -> str:
    """A cell without IPython's own commands."""
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))


@click.command(help=__doc__)
def main() -> None:
    """Write ``deps`` of every pipeline."""
    root = project_root()
    for name in PIPELINES:
        click.echo(f"{name}: {'written anew' if write_dependencies(root / name, root) else 'up to date'}")


if __name__ == "__main__":
    main()
