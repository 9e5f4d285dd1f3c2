"""``idemflow convert``: the syntax is converted, the rest is named by its line, nothing is run."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main
from idemflow.commands.convert import Converted, convert
from idemflow.errors import LeftToDo, UsageError
from tests.jython import COMPLETE, script


def call(*words: object) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, words)], env={"COLUMNS": "200"})


def of(tmp_path: Path, text: str) -> Converted:
    file = tmp_path / "old.py"
    file.write_text(text, encoding="utf-8")
    return convert(file)


def dos(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    return [(one.line, one.what) for one in of(tmp_path, text).left]


@pytest.mark.parametrize("name", COMPLETE)
def test_a_script_that_is_all_syntax_is_converted_whole(name: str) -> None:
    found = convert(script(name))
    assert found.left == ()
    assert found.changed
    ast.parse(found.text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("print 'a', b,", "print('a', b, end=' ')"),
        ("try: f()\nexcept E, e: pass", "try: f()\nexcept E as e: pass"),
        ("raise E, 'no'", "raise E('no')"),
        ("isinstance(x, basestring)", "isinstance(x, str)"),
        ("unicode(x) + u'y' + ur'\\d'", "str(x) + 'y' + r'\\d'"),
        ("isinstance(7L, (int, long))", "isinstance(7, int)"),
        ("for k, v in d.iteritems(): pass", "for k, v in d.items(): pass"),
        ("d.has_key('a')", "'a' in d"),
        ("0755 <> `x`", "0o755 != repr(x)"),
        ("lambda (a, b): a", "lambda a_b: a_b[0]"),
        ("xrange(3)", "range(3)"),
        ("x = bytearray(text.encode('utf-8'))", "x = bytearray(text.encode('utf-8'))"),
        ("import ConfigParser, cPickle", "import configparser, pickle"),
    ],
)
def test_what_is_mechanical(tmp_path: Path, before: str, after: str) -> None:
    found = of(tmp_path, before + "\n")
    assert found.text == after + "\n"
    assert found.left == ()


def test_the_rest_is_named_with_its_line() -> None:
    found = convert(script("left"))
    lines = found.text.splitlines()
    told = [(lines[one.line - 1], one.do) for one in found.left]
    for line, do in {
        "import simplejson": "install the package",
        "import md5": "hashlib",
        "from java.util import *": "name the classes",
        "from com.example.shop import Order": "Module Directory",
        "from org.python.core import PyString": "a part of Jython",
        "from org.apache.nifi.distributed.cache.client import DistributedMapCacheClient": "state",
        "class Worker(Thread):": "only interfaces",
        "        print('a line', file=outputStream)": "stream of Java",
        "        outputStream.write('text')": "bytes",
        "        outputStream.write(bytearray('text'))": "bytes",
        "half = int(flowFile.getSize()) / 2": "//",
        r"text = 'zo\xc3\xab'.decode('utf-8')": "no decode",
        "code = text.encode('hex')": "codecs",
        "key = hash(text)": "hashlib",
        "price = round(2.5)": "ROUND_HALF_UP",
        "if context.getStateManager().getState(None).getVersion() == -1:": "getStateVersion",
        "    raise 'no state'": "exception",
        "    handle = open('/tmp/x', 'rb')": "bytes",
        "    log.error(e.message)": "getMessage",
    }.items():
        assert any(line == where and do in what for where, what in told), (line, told)
    # Of what is right as it is nothing is said.
    assert not any("share" in where for where, _ in told)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("class P(Processor): pass\nprocessor = P()", "processor = ..."),
        ("from org.apache.nifi.processor import Processor as Base\nclass P(Base): pass",
         "class P(Base)"),
        ("from javax.mail import Session", "javax.mail.Session"),
        ("import org.json.JSONObject", "org.json.JSONObject"),
        ("from com.ziclix.python.sql import zxJDBC", "com.ziclix.python.sql.zxJDBC"),
        ("from org.apache.nifi.dbcp import DBCPService", "org.apache.nifi.dbcp.DBCPService"),
        ("raise 'no', 1\nx = hash(y)", "raise 'no', 1"),
        ("raise 'no', 1\nx = hash(y)", "hash(y)"),
        ("class A:\n    def __cmp__(self, other): return 0", "def __cmp__"),
        ("import types\nif type(x) == types.StringType: pass", "types.StringType"),
        ("x = map(None, a, b)", "map(None, a, b)"),
        ("x = open('f').read().decode('utf-8')", "open('f').read().decode('utf-8')"),
        ("import base64\nbase64.encodestring(x)", "base64.encodestring(x)"),
        ("y.encode('string-escape')", "y.encode('string-escape')"),
        ("return 1", "not Python 3"),
        ("o = session.write(ff)\no.write('x')", "o.write('x')"),
        ("x = sorted(y, f)", "sorted(y, f)"),
        ("x = sorted(y, cmp=f)", "sorted(y, cmp=f)"),
        ("x.sort(f, reverse=True)", "x.sort(f, reverse=True)"),
        ("import string\nx = string.letters", "string.letters"),
        ("total /= 3", "total /= 3"),
        ("import hashlib\nhashlib.md5(text)", "hashlib.md5(text)"),
    ],
)  # fmt: skip
def test_a_line_is_left(tmp_path: Path, text: str, what: str) -> None:
    assert what in [one for _, one in dos(tmp_path, text)]


@pytest.mark.parametrize(
    "text",
    [
        "from __future__ import division\nx = a / b",
        "x = a / 2.0\ny = float(a) / b",
        "from org.python.core.util import StringUtil\nimport jarray",
        "from java.lang import Runnable\nclass R(Runnable):\n    def run(self): pass",
        "import io, json\nfrom io import BytesIO",
        "from javax.sql import DataSource",
        "from org.apache.nifi.controller import ControllerService",
        "match x:\n    case 1: print('a', end='')\ny = a / b",  # Python 3, and newer than fissix
        "from urllib2 import urlopen\nx = urlopen(y).read().decode('utf-8')",
        "data = text.encode('utf-8')\no = session.write(ff)\no.write(data)",
        "import hashlib\nhashlib.md5(text.encode('utf-8'))",
    ],
)
def test_a_line_is_not_left(tmp_path: Path, text: str) -> None:
    assert dos(tmp_path, text) == []


def test_python_3_stays_as_it_is(tmp_path: Path) -> None:
    text = "import sys\nprint(f'{1}', file=sys.stderr)\nx: int = 1\n"
    found = of(tmp_path, text)
    assert (found.text, found.changed, found.diff, found.complete) == (text, False, "", True)


def test_tabs_beside_blanks_are_counted_as_python_2_does(tmp_path: Path) -> None:
    text = 'def f():\n\tx = """\n\ty"""\n        if x:\n\t    return x\n    \treturn 1\n'
    found = of(tmp_path, text)
    assert found.text == (
        'def f():\n        x = """\n\ty"""\n        if x:\n            return x\n        return 1\n'
    )
    assert found.complete
    assert of(tmp_path, "if x:\n\tprint x\n").text == "if x:\n\tprint(x)\n"


def test_nothing_of_it_is_run(tmp_path: Path) -> None:
    of(tmp_path, f"open({str(tmp_path / 'run')!r}, 'w').close()\nprint 1 / 0\n")
    assert not (tmp_path / "run").exists()


def test_the_encoding_that_it_names_is_read_and_utf_8_written(tmp_path: Path) -> None:
    file, target = tmp_path / "old.py", tmp_path / "new.py"
    file.write_bytes("# -*- coding: latin-1 -*-\r\nprint u'zoë'\r\n".encode("latin-1"))
    assert call(file, "-o", target).exit_code == 0
    assert target.read_bytes() == "# -*- coding: utf-8 -*-\nprint('zoë')\n".encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"def f(:\n  pass\n", "old.py:1: neither Python 2 nor Python 3"),
        (b"x = (1,\n", "neither Python 2 nor Python 3"),
        (b"if x:\n    a\n  b\n", "neither Python 2 nor Python 3"),
        (b"x = '\xff'\n", "cannot be read"),
        (b"# coding: klingon\n", "cannot be read"),
        (b"x = 1\0\n", "byte of zero"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (b"#" * (1 << 20) + b"##", "larger than 1 MB"),
        (b"x = " + b"(" * 1500 + b")" * 1500, "neither Python 2 nor Python 3"),
    ],
)
def test_what_is_no_script_is_one_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "old.py").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        convert(tmp_path / "old.py")
    assert call(tmp_path / "old.py").exit_code == 2


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    done = call(tmp_path / "none.py")
    assert done.exit_code == 2
    assert "cannot be read: No such file or directory" in done.output
    assert "encoding" not in done.output


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "idemflow", "convert", script("split")],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "taken")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "XDG_CACHE_HOME" in done.stderr


def test_a_file_is_overwritten_with_force_alone(tmp_path: Path) -> None:
    target = tmp_path / "new.py"
    target.write_text("mine", encoding="utf-8")
    done = call(script("split"), "-o", target)
    assert (done.exit_code, target.read_text(encoding="utf-8")) == (2, "mine")
    assert "--force" in done.stderr
    done = call(script("split"), "-o", target, "--force")
    assert done.exit_code == 0
    assert target.read_text(encoding="utf-8") == convert(script("split")).text


def test_the_exit_code_tells_whether_something_is_left(tmp_path: Path) -> None:
    assert call(script("split")).exit_code == 0
    target = tmp_path / "new.py"
    done = call(script("left"), "-o", target)
    assert done.exit_code == LeftToDo.exit_code
    assert target.exists()
    assert "lines of the converted script are left to you" in done.stderr


def test_the_script_alone_is_on_standard_output() -> None:
    done = call(script("left"))
    assert done.stdout == convert(script("left")).text
    assert "ROUND_HALF_UP" in done.stderr
    done = call(script("split"), "--diff")
    assert (
        "-    for i in xrange(len(records)):\n+    for i in range(len(records)):\n" in done.stdout
    )
    found = json.loads(call(script("left"), "--json").stdout)
    assert not found["complete"]
    assert {"line", "what", "do"} == set(found["left"][0])
