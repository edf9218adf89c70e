"""What no linter holds: the order of imports, the size of modules, and what the wheel holds."""

import ast
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INFER, TRAIN = ROOT / "infer" / "marsad", ROOT / "train" / "marsad_train"
MODULES = sorted([*INFER.rglob("*.py"), *TRAIN.rglob("*.py")])
LAYERS = {
    INFER: """errors words tables schema sentences records encode tokenise decode bundle
        onnx_encoder read pipeline calibration evaluate mistakes noise inputs extras opening
        encodings sources columns readers terminal console lines sheets arrow page writers meter
        output archive ray report server.settings server.refusal server.log server.metrics
        server.batching server.receive server.schemas server.huggingface server.edge server.api
        server.openapi server.app server.protocol server.run cli""",
    TRAIN: """encoders losses checkpoint loop texts standoff conll corpora vary config batches
        network prepare pretrain learn calibrate card attention quantise export folds ways
        torch_ways peaks bench cli""",
}
PACKAGES = {"marsad", "marsad.server", "marsad_train"}
FACTS = {"marsad.__version__"}  # what a package itself says
LIMIT = 300  # lines


def imported(path: Path) -> set[str]:
    """The modules that a module imports, those that it takes from a package by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in PACKAGES:
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_module_is_short_and_says_what_it_does(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LIMIT
    assert (ast.get_docstring(ast.parse(text)) or "").splitlines()[0].endswith(".")


@pytest.mark.parametrize(
    ("folder", "name"),
    [(folder, name) for folder, names in LAYERS.items() for name in names.split()],
)
def test_a_module_imports_only_the_layers_below_it(folder: Path, name: str) -> None:
    layers = LAYERS[folder].split()
    below = {f"{folder.name}.{layer}" for layer in layers[: layers.index(name)]}
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    own = {module for module in imported(path) if module.startswith(f"{folder.name}.")}
    assert own - FACTS <= below


@pytest.mark.parametrize("folder", LAYERS, ids=lambda folder: folder.name)
def test_every_module_has_its_layer(folder: Path) -> None:
    modules = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py")}
    named = {".".join(module.parts) for module in modules if not module.stem.startswith("__")}
    assert named == set(LAYERS[folder].split())


@pytest.mark.parametrize("path", sorted(INFER.rglob("*.py")), ids=lambda path: path.stem)
def test_inference_imports_neither_training_nor_torch(path: Path) -> None:
    roots = {module.partition(".")[0] for module in imported(path)}
    assert not roots & {"marsad_train", "torch", "transformers", "datasets", "accelerate"}


def test_importing_marsad_loads_no_torch() -> None:
    code = "import sys, marsad.cli; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], capture_output=True, check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_every_module_and_the_bundle(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(root.parent))
        for root in (INFER, TRAIN)
        for path in MODULES
        if root in path.parents
    }
    bundle = INFER / "models" / "marsad-small"
    wanted |= {f"marsad/models/marsad-small/{path.name}" for path in bundle.iterdir()}
    page = INFER / "server" / "static"
    wanted |= {f"marsad/server/static/{path.relative_to(page)}" for path in page.rglob("*.*")}
    assert wanted <= names
    assert "marsad_train/sample.txt" in names


def test_the_wheel_works_without_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own that sees this one's packages, but no source tree."""
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    here = Path(pytest.__file__).parent.parent
    (site / "borrowed.pth").write_text(str(here))
    code = (
        "import marsad, sys; document = marsad.load()('قصفت قوات النظام بلدة كنصفرة'); "
        "print(marsad.__file__, len(document.entities), 'torch' in sys.modules)"
    )
    python = tmp_path / "env" / "bin" / "python"
    done = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    path, entities, torch = done.stdout.split()
    assert path.startswith(str(site))
    assert int(entities) > 0
    assert torch == "False"
