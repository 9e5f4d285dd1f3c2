"""What the bundle's ``module.toml`` say, and how a NAR is packed: no compiler, no download."""

from __future__ import annotations

import re
import zipfile
from graphlib import TopologicalSorter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from idemflow.config.paths import resources
from idemflow.errors import SupplyError
from idemflow.supply.artifacts import Coordinate
from idemflow.supply.modules import Module, read_modules
from idemflow.supply.nar import NarName, pack_nar

MODULES = read_modules(resources() / "bundle")
POM = {"m": "http://maven.apache.org/POM/4.0.0"}


def by_folder(module: Module) -> str:
    return module.folder.name


def written(folder: Path, text: str) -> Path:
    (folder / "one").mkdir()
    (folder / "one" / "module.toml").write_text(text, encoding="utf-8")
    return folder


def test_every_folder_with_java_is_a_module() -> None:
    java = {file.parents[2].name for file in resources().glob("bundle/*/src/main/java")}
    assert {by_folder(module) for module in MODULES} == java
    assert {module.kind for module in MODULES} == {"lib", "nar", "tool"}


def test_a_module_is_read(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        'name = "one-nar"\nkind = "nar"\nnar_parent = "org.example:parent-nar:2.0"\n'
        'compile = ["org.example:api:1.0"]\n',
    )
    [module] = read_modules(folder)
    assert module.parent == Coordinate("org.example", "parent-nar", "2.0", "nar")
    assert module.compile == (Coordinate("org.example", "api", "1.0"),)
    assert (module.bundle, module.test) == ((), ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('name = "one"\nkind = "war"\n', "kind is 'war'"),
        ('kind = "lib"\n', "'name'"),
        ('name = "one"\nkind = "lib"\ncompile = ["org.example:api"]\n', "org.example:api"),
        ("name = \n", "Invalid value"),
    ],
)
def test_a_malformed_module_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SupplyError, match=re.escape(problem)) as caught:
        read_modules(written(tmp_path, text))
    assert "module.toml" in str(caught.value)


@pytest.mark.parametrize("module", MODULES, ids=by_folder)
def test_maven_and_idemflow_build_of_the_same(module: Module) -> None:
    pom = ElementTree.parse(module.folder / "pom.xml").getroot()
    assert pom.findtext("m:artifactId", namespaces=POM) == module.name
    dependencies = {
        ":".join(
            one.findtext(f"m:{part}", "", POM) for part in ("groupId", "artifactId", "version")
        )
        for one in pom.findall("m:dependencies/m:dependency", POM)
        if one.findtext("m:scope", "compile", POM) != "test"
    }
    assert dependencies == {str(one) for one in (*module.compile, *module.bundle)}


@pytest.mark.parametrize("module", MODULES, ids=by_folder)
def test_additional_details_are_of_a_type_of_the_module(module: Module) -> None:
    main = module.folder / "src" / "main" / "resources"
    services = (main / "META-INF" / "services").glob("org.apache.nifi.*")
    types = {name for file in services for name in file.read_text().split()}
    assert {file.parent.name for file in main.glob("docs/*/additionalDetails.md")} <= types


def test_a_nar_has_its_documentation(tmp_path: Path) -> None:
    details = tmp_path / "docs" / "additional-details" / "org.example.One"
    details.mkdir(parents=True)
    (details / "additionalDetails.md").write_text("# One", encoding="utf-8")
    (tmp_path / "docs" / "extension-manifest.xml").write_text("<x/>", encoding="utf-8")
    nar = tmp_path / "a.nar"
    pack_nar(nar, NarName("org.example", "my-nar", "1"), [], tmp_path / "docs")
    with zipfile.ZipFile(nar) as archive:
        assert archive.namelist()[3:] == [
            "META-INF/docs/",
            "META-INF/docs/additional-details/",
            "META-INF/docs/additional-details/org.example.One/",
            "META-INF/docs/additional-details/org.example.One/additionalDetails.md",
            "META-INF/docs/extension-manifest.xml",
        ]
        assert archive.read("META-INF/docs/extension-manifest.xml") == b"<x/>"


@pytest.mark.parametrize("module", MODULES, ids=by_folder)
def test_java_packages_use_each_other_in_one_direction(module: Module) -> None:
    main = module.folder / "src" / "main" / "java"
    files = {file: file.relative_to(main).parent.as_posix() for file in main.rglob("*.java")}
    graph: dict[str, set[str]] = {package: set() for package in files.values()}
    for file, package in files.items():
        imports = re.findall(r"^import (?:static )?([\w.]+)\.[A-Z]", file.read_text(), re.MULTILINE)
        used = {name.replace(".", "/") for name in imports}
        graph[package] |= (used & set(graph)) - {package}
    list(TopologicalSorter(graph).static_order())  # a cycle is a CycleError
    official = {file.stem for file, package in files.items() if package.startswith("org/apache")}
    services = (main.parent / "resources" / "META-INF" / "services").glob("*")
    types = {line.rpartition(".")[2] for file in services for line in file.read_text().split()}
    types.add("ElasticSearchClientService")  # the API that the service is asked for by
    assert official <= types, "only drop-in types have a package of NiFi's"
