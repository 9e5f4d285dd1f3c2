"""A PutElasticsearchJson with the properties of the official one of NiFi 2.3.0, and no others.

The official NARs are not on Maven Central. What matters here is what NiFi makes of a canvas whose
type lost properties, or got some: so the bundle's own type is built without those it adds.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from idemflow.config.paths import resources
from idemflow.drawing.catalog import NOT_EVERYWHERE, PUT
from idemflow.supply import bundle
from idemflow.supply.artifacts import read_lock
from idemflow.supply.java import installed_java
from idemflow.supply.modules import read_modules
from idemflow.supply.nar import types_of
from idemflow.supply.progress import Silent
from idemflow.supply.store import Store

NAME = "nifi-elasticsearch-restapi-nar"


def build(folder: Path, cache: Path) -> Path:
    """Build the NAR.

    Args:
        folder: an empty folder; the NAR is made in it.
        cache: the cache of downloads.
    """
    sources = folder.parent / "sources"
    shutil.copytree(resources() / "bundle", sources)
    _hide(sources / "elasticsearch/src/main/java/io/idemflow/elasticsearch/put/PutProperties.java")
    lock, java = read_lock(resources() / "artifacts.toml"), installed_java()
    modules = read_modules(sources)
    files = Store(cache).fetch(lock, bundle.needed(modules, lock), Silent())
    with ThreadPoolExecutor(2) as pool:
        built = bundle.build_bundle(modules, files, lock, java, folder.parent / "built", pool)
    (made,) = (one.nar for one in built if one.nar and PUT in types_of(one.nar))
    folder.mkdir()
    _rename(made, folder / f"{NAME}.nar")
    return folder


def _hide(properties: Path) -> None:
    """Take properties out of the type; what the rest of it looks for is never set."""
    text = properties.read_text()
    hidden = set()
    for name in NOT_EVERYWHERE[PUT]:
        constants = re.findall(rf'PropertyDescriptor (\w+) =[^;]*?\("{name}"', text)
        hidden |= set(constants)
        text = text.replace(f'"{name}"', f'"hidden {name}"')
    match = re.search(r"ALL = List\.of\((.*?)\);", text, re.DOTALL)
    assert match
    left = [one for one in re.split(r"[\s,]+", match[1].strip()) if one not in hidden]
    assert len(left) == 14, left
    properties.write_text(text[: match.start(1)] + ", ".join(left) + text[match.end(1) :])


def _rename(nar: Path, target: Path) -> None:
    with zipfile.ZipFile(nar) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "META-INF/MANIFEST.MF":
                content = re.sub(rb"(?m)^Nar-Group: .*?(\r?)$", rb"Nar-Group: o.a.n\1", content)
                content = re.sub(
                    rb"(?m)^Nar-Id: .*?(\r?)$", rb"Nar-Id: %b\1" % NAME.encode(), content
                )
            if entry.filename == "META-INF/docs/extension-manifest.xml":
                content = content.replace(b"idemflow-elasticsearch-nar", NAME.encode())
                content = content.replace(b"io.idemflow<", b"o.a.n<")
            copy.writestr(entry, content)
