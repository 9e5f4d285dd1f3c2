"""Which process runs which file, where three or more share the tests (pytest-xdist)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

# Files that never ask for the fixture `servers`: they need none, or start their own.
WITHOUT_SERVERS = (
    "tests/unit/",
    "tests/integration/test_readme.py",
    "tests/integration/test_demo_db.py",
    "tests/integration/test_java_modules.py",
    "tests/integration/test_docker_scripts.py",
    "tests/integration/test_packages.py",
    "tests/integration/test_wheel.py",
)


# For fewer files that wait, a process that has no servers does not start some any more.
FEW = 8


class SparingServers(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
    """The last process begins with the files of :data:`WITHOUT_SERVERS`.

    It uses the processors while the tests of the others wait. Where it is done before them, it
    helps them, with servers of its own; they help it when they have nothing else to do.
    """

    helps = False

    def _assign_work_unit(self, node: WorkerController) -> None:
        last = node.gateway.id == f"gw{self.numnodes - 1}"
        own = [file for file in self.workqueue if file.startswith(WITHOUT_SERVERS) == last]
        if own:
            self.workqueue.move_to_end(own[0], last=False)
        elif last and not self.helps:
            if len(self.workqueue) < FEW:
                node.shutdown()
                return
            self.helps = True
        super()._assign_work_unit(node)
