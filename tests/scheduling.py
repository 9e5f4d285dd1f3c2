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
)


class SparingServers(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
    """The last process runs the files of :data:`WITHOUT_SERVERS`, and so starts no servers.

    It uses the processors while the tests of the others wait, which a third pair of servers would
    only keep busy with its own start. The others help it when they have nothing else to do.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        last = node.gateway.id == f"gw{self.numnodes - 1}"
        own = [file for file in self.workqueue if file.startswith(WITHOUT_SERVERS) == last]
        if own:
            self.workqueue.move_to_end(own[0], last=False)
        elif last:
            node.shutdown()
            return
        super()._assign_work_unit(node)
