"""CPython in ExecuteScript, on the running NiFi."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from idemflow.canvas import client
from tests.integration.execute_script import Step, canvas_group, queued, script
from tests.integration.tools import Idemflow, processes, wait_until

pytestmark = pytest.mark.timeout(300)


class Steps(Protocol):
    """Makes a step of the test's own process group."""

    def __call__(self, body: str | None = None, *, tasks: int = 1, **properties: str) -> Step: ...


@pytest.fixture
def group(idemflow: Idemflow, request: pytest.FixtureRequest) -> Iterator[Any]:
    client.connect(idemflow.target().nifi)
    with canvas_group(request.node.name) as made:
        yield made


@pytest.fixture
def step(group: Any) -> Steps:
    count = 0

    def make(body: str | None = None, *, tasks: int = 1, **properties: str) -> Step:
        nonlocal count
        count += 1
        named = {key.replace("_", " "): value for key, value in properties.items()}
        if body is not None:
            named["Script Body"] = textwrap.dedent(body)
        return Step(group, f"step {count}", named, tasks)

    return make


def log(idemflow: Idemflow) -> str:
    return idemflow.settings().folders.log("nifi").read_text(encoding="utf-8")


def is_active(step: Step) -> bool:
    return step.active() == 1


def has_queued(step: Step, count: int) -> bool:
    return step.queued() == count


def test_ordinary_python(step: Steps) -> None:
    one = step(script("plain.py"))
    one.run_once()
    assert one.bulletins() == []
    found = {f.attributes["name"]: json.loads(f.content) for f in one.flow_files()}
    assert set(found) == {"Ada", "Zoë", "😀 astral"}
    assert found["😀 astral"]["module"] == "__main__"


def test_a_transform_written_for_jython(step: Steps) -> None:
    source = step("""
        ff = session.create()
        ff = session.putAttribute(ff, 'filename', 'people.json')
        out = session.write(ff)
        out.write('{"name": "zoë 😀"}'.encode())
        out.close()
        session.transfer(ff, REL_SUCCESS)
    """)
    transform = step(script("jython_transform.py"))
    transform.feed(source)
    source.run_once()
    transform.run_once()
    assert transform.bulletins() == []
    [one] = transform.flow_files()
    assert json.loads(one.content) == {"name": "ZOË 😀"}
    assert one.attributes["filename"] == "people_translated.json"


def test_callbacks_with_state_written_for_jython(step: Steps) -> None:
    source = step("""
        from org.apache.nifi.processor.io import OutputStreamCallback
        class Write(OutputStreamCallback):
            def process(self, out):
                out.write(b'first\\nsecond\\n')
        for name in ('x', 'y'):
            ff = session.putAttribute(session.create(), 'name', name)
            session.transfer(session.write(ff, Write()), REL_SUCCESS)
    """)
    split = step(script("jython_read_write.py"), greeting="hello ${name}")
    split.feed(source)
    source.run_once()
    split.run_once()
    assert split.bulletins() == []
    found = split.flow_files()
    assert sorted(f.content for f in found) == [
        b"first\nhello x\n",
        b"first\nhello y\n",
        b"second\nhello x\n",
        b"second\nhello y\n",
    ]
    assert {f.attributes["length"] for f in found} == {"5", "6"}
    assert {f.attributes["size"] for f in found} == {"13"}


def test_java_exceptions_written_for_jython(step: Steps) -> None:
    one = step(script("jython_errors.py"))
    one.run_once()
    assert one.bulletins() == []
    assert one.flow_files()[0].attributes["caught"].split("|") == [
        "NumberFormatException",
        'For input string: "seven"',
        "raised in a callback",
        "raised by the script",
        "as its own",
    ]


def test_an_error_is_one_line_on_the_canvas_and_a_traceback_in_the_log(
    idemflow: Idemflow, step: Steps, shared_folder: Path
) -> None:
    file = shared_folder / "people.py"
    file.write_text(
        "ff = session.get()\n\ndef name(record):\n    return record['id']\n\nname({})\n"
    )
    source = step("session.transfer(session.create(), REL_SUCCESS)")
    failing = step(Script_File=str(file))
    incoming = failing.feed(source)
    source.run_once()
    failing.run_once()
    message = failing.wait_for_bulletin("people.py:4: KeyError: 'id'")
    assert "Traceback" not in message
    assert f'File "{file}", line 6, in <module>' in log(idemflow)
    # Rolled back: the FlowFile waits in its queue.
    assert queued(incoming) == 1
    assert failing.queued() == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x = (1,\ny = 2\n", "Script Body:1: SyntaxError: '(' was never closed"),
        ("import nonsense_module", "Script Body:1: ModuleNotFoundError: No module named"),
        ("from java.util import Nope", "Script Body:1: ImportError: cannot import name 'Nope'"),
        ("import sys\nsys.exit('enough')", "Script Body:2: SystemExit: enough"),
        ("import os\nos._exit(3)", "Script Body:2: SystemExit: 3"),
        ("raise KeyboardInterrupt", "Script Body:1: KeyboardInterrupt"),
        ("def f(n):\n    return f(n + 1)\nf(0)", "Script Body:2: RecursionError"),
        ("def f(x):\n    return sorted([1, 2], key=f)\nf(0)", "Script Body:2: RecursionError"),
        ("session.transfer(session.get(), None, 1)", "Script Body:1: TypeError: Java method"),
        (
            "from java.util import ArrayList\nring = ArrayList()\nring.add(ring)\nring.hashCode()",
            "Script Body:4: java.lang.StackOverflowError",
        ),
    ],
)
def test_no_script_takes_nifi_down(
    idemflow: Idemflow, step: Steps, body: str, message: str
) -> None:
    before = processes(idemflow)["nifi"].create_time()
    failing = step(body)
    failing.run_once()
    failing.wait_for_bulletin(message)
    failing.set(Script_Body="session.transfer(session.create(), REL_SUCCESS)")
    failing.start()
    wait_until(lambda: failing.queued() > 0, "the fixed script runs")
    failing.stop()
    assert processes(idemflow)["nifi"].create_time() == before


def test_exit_without_an_error_ends_the_script(step: Steps) -> None:
    one = step("""
        session.transfer(session.create(), REL_SUCCESS)
        import sys
        sys.exit()
    """)
    one.run_once()
    assert one.queued() == 1
    assert one.bulletins() == []


ENDLESS = (
    "while True:\n    pass",
    "import time\ntime.sleep(3600)",
    "while True:\n    try:\n        len('x')\n    except:\n        pass",
    "import queue\nqueue.Queue().get()",
    "from java.lang import Thread\nThread.sleep(3600000)",
)


def test_stopping_interrupts_endless_scripts(step: Steps) -> None:
    stuck = []
    for endless in ENDLESS:
        source = step("session.transfer(session.create(), REL_SUCCESS)")
        one = step(f"ff = session.get()\nsession.transfer(ff, REL_SUCCESS)\n{endless}\n")
        stuck.append((one, one.feed(source)))
        source.run_once()
    for one, _ in stuck:
        one.start()
    for one, _ in stuck:
        wait_until(partial(is_active, one), "the script runs")
    for one, _ in stuck:
        one.request_stop()
    for one, incoming in stuck:
        one.wait_for_end()
        assert queued(incoming) == 1
        assert one.queued() == 0
        said = one.wait_for_bulletin("the script still runs 10 s after the processor was stopped")
        assert f"{one.name}: the script" in said
        assert f"{one.name}: Script Body:" in one.wait_for_bulletin("go back to their queue")


def test_terminate_interrupts_an_endless_script(step: Steps, shared_folder: Path) -> None:
    shared_folder.chmod(0o777)
    ended = shared_folder / "ended"
    stuck = step(f"""
        try:
            while True:
                pass
        finally:
            open({str(ended)!r}, 'w').close()
    """)
    stuck.start()
    wait_until(lambda: stuck.active() == 1, "the script runs")
    stuck.request_stop()
    stuck.terminate()
    wait_until(ended.exists, "the script is ended")


def test_what_a_script_prints_is_in_the_log_under_its_processor(
    idemflow: Idemflow, step: Steps
) -> None:
    one = step("""
        import sys
        print('whole line', 1)
        print('half a line', end='')
        print('a warning', file=sys.stderr)
    """)
    one.run_once()
    assert "a warning" in one.wait_for_bulletin("a warning")
    lines = [line for line in log(idemflow).splitlines() if one.id in line]
    assert [line for line in lines if line.endswith("whole line 1")]
    assert [line for line in lines if line.endswith("half a line")]


def test_a_changed_file_is_read_again(step: Steps, shared_folder: Path) -> None:
    file = shared_folder / "changing.py"
    text = """if ff := session.get():
        session.transfer(session.putAttribute(ff, 'v', '{}'), REL_SUCCESS)
    """
    file.write_text(text.format("one"))
    source = step("session.transfer(session.create(), REL_SUCCESS)")
    one = step(Script_File=str(file))
    one.feed(source)
    one.start()
    source.run_once()
    wait_until(partial(has_queued, one, 1), "the script runs")
    file.write_text(text.format("other"))
    source.run_once()
    wait_until(partial(has_queued, one, 2), "the changed script runs")
    one.stop()
    assert [f.attributes["v"] for f in one.flow_files()] == ["one", "other"]


def test_modules_are_each_steps_own_and_reload(step: Steps, shared_folder: Path) -> None:
    body = """
        import helper
        from package.inner import twice
        v = twice(helper.value)
        session.transfer(session.putAttribute(session.create(), 'v', v), REL_SUCCESS)
    """
    steps = {}
    for name in ("a", "b"):
        (shared_folder / name / "package").mkdir(parents=True)
        (shared_folder / name / "helper.py").write_text(f"value = '{name}'")
        (shared_folder / name / "package" / "__init__.py").touch()
        (shared_folder / name / "package" / "inner.py").write_text(
            "import helper\nfrom . import __name__ as n\n"
            "def twice(text):\n    return text + helper.value\n"
        )
        steps[name] = step(body, Module_Directory=str(shared_folder / name))
        steps[name].run_once()
    (shared_folder / "a" / "helper.py").write_text("value = 'changed'")
    steps["a"].run_once()
    steps["b"].run_once()
    assert [f.attributes["v"] for f in steps["a"].flow_files()] == ["aa", "changedchanged"]
    assert [f.attributes["v"] for f in steps["b"].flow_files()] == ["bb", "bb"]


def test_concurrent_steps_each_have_their_own_session(step: Steps) -> None:
    steps = []
    for number in range(4):
        source = step("""
            session.transfer([session.create() for _ in range(200)], REL_SUCCESS)
        """)
        worker = step(
            f"""
            import json, threading
            def work():
                ff = session.get()
                if ff is not None:
                    with session.write(ff) as out:
                        out.write(json.dumps([{number}, threading.get_ident()]).encode())
                    session.transfer(session.putAttribute(ff, 'worker', '{number}'), REL_SUCCESS)
            work()
        """,
            tasks=2,
        )
        worker.feed(source)
        source.run_once()
        steps.append(worker)
    for worker in steps:
        worker.start()
    for worker in steps:
        wait_until(partial(has_queued, worker, 200), "all FlowFiles are through")
        worker.stop()
    for number, worker in enumerate(steps):
        assert worker.bulletins() == []
        for one in worker.flow_files():
            assert one.attributes["worker"] == str(number)
            assert json.loads(one.content)[0] == number


def test_memory_is_flat_over_5000_evaluations(idemflow: Idemflow, step: Steps) -> None:
    one = step("""
        from java.lang import System
        class Ring:
            def __init__(self):
                self.me, self.data, self.session = self, bytearray(1000000), session
        def count():
            n = int(System.getProperty('evaluations', '0')) + 1
            System.setProperty('evaluations', str(n))
            return n
        ring, n = Ring(), count()
        if n % 2500 == 0:
            session.transfer(session.create(), REL_SUCCESS)
        elif n % 50 == 0:
            raise ValueError(n)
    """)
    process = processes(idemflow)["nifi"]
    sizes, threads = [], []
    for evaluations in (2500, 5000):
        one.start()
        wait_until(
            partial(has_queued, one, evaluations // 2500), f"{evaluations} evaluations", seconds=120
        )
        one.stop()
        sizes.append(process.memory_info().rss)
        threads.append(process.num_threads())
    assert sizes[1] < sizes[0] + (100 << 20)
    assert threads[1] <= threads[0] + 5


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({}, "exactly one of Script File or Script Body must be set"),
        ({"Script Body": "pass", "Script File": __file__}, "exactly one of Script File"),
        ({"Script Body": "pass", "Script Engine": "cobol"}, "Script Engine"),
        ({"Script File": os.devnull + "/none.py"}, "Script File"),
    ],
)
def test_what_is_not_valid(group: Any, properties: dict[str, str], problem: str) -> None:
    assert any(problem in text for text in Step(group, "wrong", properties, 1).problems())
