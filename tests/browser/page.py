"""NiFi's canvas as a person uses it: log in, right-click, look."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

from playwright.sync_api import Locator, Page, expect

# What the canvas draws as a box: components, and the labels in the middle of connections.
_BOXES = (
    "g.process-group, g.processor, g.input-port, g.output-port, g.label, "
    "g.connection-label-container"
)
_PANELS = ("navigation-control", "operation-control")
_ROOT = "NiFi Flow"
_DIALOG = "mat-dialog-container"
# How a group shows its state under version control: characters of NiFi's icon font.
STATES = {
    "not under version control": "",
    "up to date": "\uf00c",
    "locally modified": "\uf069",
    "stale": "\uf0aa",
    "locally modified and stale": "\uf06a",
    "sync failure": "\uf128",
}


@dataclass(frozen=True)
class Box:
    """A box on the screen, in pixels.

    Attributes:
        name: what it shows.
        kind: its class in the page.
    """

    name: str
    kind: str
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def within(self, other: Box) -> bool:
        """Whether all of this box lies in the other."""
        return (
            self.x >= other.x
            and self.y >= other.y
            and self.right <= other.right
            and self.bottom <= other.bottom
        )

    def overlaps(self, other: Box) -> bool:
        """Whether any of this box lies over the other."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )


@dataclass(frozen=True)
class Canvas:
    """A browser's page with the canvas in it."""

    page: Page

    def log_in(self, username: str, password: str) -> None:
        """Fill in the login form."""
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def put_panels_away(self) -> None:
        """Fold the panels that lie over the left of the canvas."""
        for panel in _PANELS:
            self.page.locator(f"{panel} .fa-minus-square-o").click()

    def group(self, name: str) -> Locator:
        """The process group of that name."""
        title = self.page.locator("text.process-group-name", has_text=_exactly(name))
        return self.page.locator("g.process-group", has=title)

    def processor(self, name: str) -> Locator:
        """The processor of that name."""
        title = self.page.locator("text.processor-name", has_text=_exactly(name))
        return self.page.locator("g.processor", has=title)

    @property
    def dialog(self) -> Locator:
        """The dialog that is open, before which one may still be there that it follows."""
        return self.page.locator(f"{_DIALOG}:not(.mdc-dialog--closing)").last

    @property
    def menu(self) -> Locator:
        """The context menu that is open, its submenus after it."""
        return self.page.locator("[role=menu]")

    def choose(self, component: Locator, item: str, of: str = "") -> None:
        """Choose from a component's context menu, or from a submenu.

        Args:
            component: what to click on.
            item: a text of the menu.
            of: a text of the submenu that the item opens.
        """
        if of:
            self.unfold(component, item)
        else:
            component.click(button="right")
        self._item(of or item).click()
        expect(self.menu).to_have_count(0)

    def unfold(self, component: Locator, item: str) -> Locator:
        """Open a submenu of a component's context menu."""
        component.click(button="right")
        self._item(item).hover()
        expect(self.menu).to_have_count(2)
        return self.menu.last

    def _item(self, text: str) -> Locator:
        return self.page.locator("[role=menuitem]").get_by_text(text, exact=True)

    def press(self, button: str, *, last: bool = True) -> None:
        """Press a button of the dialog.

        Args:
            button: its text.
            last: whether the dialog closes.
        """
        self.dialog.get_by_role("button", name=button, exact=True).click()
        if last:
            expect(self.page.locator(_DIALOG)).to_have_count(0)

    def fill(self, **fields: str) -> None:
        """Fill in fields of the dialog, by label with ``_`` for spaces."""
        for label, text in fields.items():
            self.dialog.get_by_label(label.replace("_", " ")).fill(text)

    def select(self, label: str, option: str) -> None:
        """Choose from a list in the dialog."""
        self.dialog.get_by_label(label).click()
        self.page.get_by_role("option", name=option, exact=True).click()
        expect(self.dialog.get_by_label(label)).to_have_text(option)

    def drag_out(self, tool: str, x: float, y: float) -> None:
        """Drag a tool of NiFi's bar onto the canvas."""
        self.page.locator(f"new-canvas-item[tooltip='{tool}'] button").hover()
        self.page.mouse.down()
        self.page.mouse.move(x, y, steps=10)
        self.page.mouse.up()

    def refresh(self) -> None:
        """Have NiFi draw the group anew that is open, from the canvas' own menu."""
        corner = self.page.locator("svg.canvas-svg")
        size = corner.bounding_box()
        assert size is not None
        corner.click(button="right", position={"x": 20, "y": size["height"] - 20})
        self._item("Refresh").click()

    def version_icon(self, group: str) -> Locator:
        """The icon before a group's name; its text is one of :data:`STATES`."""
        return self.group(group).locator("text.version-control")

    def expect_state(self, group: str, state: str, seconds: float = 120) -> None:
        """Refresh until a group shows a state: NiFi asks the repository once a minute."""
        deadline = time.monotonic() + seconds
        pause = 1000.0  # milliseconds; drawing all anew takes Chromium half a second
        icon = self.version_icon(group)
        while icon.text_content() != STATES[state]:
            assert time.monotonic() < deadline, f"{group} shows {icon.text_content()!a}"
            self.refresh()
            self.page.wait_for_timeout(pause)
            pause = min(1.5 * pause, 5000)

    def enter(self, name: str) -> None:
        """Go into a process group and wait until it is drawn."""
        self._go(name, lambda: self.choose(self.group(name), "Enter Group"))
        self._drawn(name)

    def leave_to_root(self) -> None:
        """Go back to where the pipelines' groups are, if that is not what is open."""
        if (self._here().text_content() or "").strip() != _ROOT:
            self._go(_ROOT, lambda: self._follow(_ROOT))

    def leave_to(self, name: str) -> None:
        """Go back up to a process group."""
        self._go(name, lambda: self._follow(name))
        self._drawn(name)

    def _follow(self, name: str) -> None:
        self.page.locator("breadcrumbs").get_by_role("link", name=name, exact=True).click()

    def _go(self, name: str, way: Callable[[], None]) -> None:
        """Go to a group as a person does: who sees another one loads the page again.

        NiFi's own way, to what it has just imported, may come in between, and sometimes NiFi keeps
        showing a group while the page's address is already that of the next.
        """
        for _ in range(3):
            way()
            if self._shows(name):
                return
            self.page.reload()
            if self._shows(name):
                return
        expect(self._here()).to_have_text(name)

    def _shows(self, name: str) -> bool:
        with suppress(AssertionError):
            expect(self._here()).to_have_text(name, timeout=15_000)
            return True
        return False

    def configure(self, processor: str, tab: str, **fields: str) -> None:
        """Stop a processor, fill in fields of a tab of its configuration, and start it."""
        box = self.processor(processor)
        self.choose(box, "Stop")
        self.choose(box, "Configure")
        self.dialog.get_by_role("tab", name=tab).click()
        self.fill(**fields)
        self.press("Apply")
        self.choose(box, "Start")

    def _here(self) -> Locator:
        """The name of the group that is open."""
        return self.page.locator("breadcrumbs .current-process-group")

    def _drawn(self, name: str) -> None:
        expect(self._here()).to_have_text(name)
        # NiFi draws the connections last, and their arrow heads after everything else.
        expect(self.page.locator("path.connection-path[marker-end]").first).to_be_attached()
        expect(self.page.locator("path.connection-path:not([marker-end])")).to_have_count(0)

    def statistic(self, group: str, what: str) -> Locator:
        """What a process group's statistics say of ``queued``, ``in``, ``read-write``, ``out``."""
        return self.group(group).locator(f"text.process-group-{what}")

    def boxes(self) -> list[Box]:
        """Where everything is on the screen."""
        return [self._box(item) for item in self.page.locator(_BOXES).all()]

    def _box(self, item: Locator) -> Box:
        place = item.bounding_box()
        assert place is not None
        kind = (item.get_attribute("class") or "").split()
        return Box(name=item.text_content() or "", kind=kind[0] if kind else "", **place)

    def out_of_view(self) -> list[str]:
        """The boxes that NiFi's bars, its panels or the window's edge cover."""
        area = self._box(self.page.locator("#canvas-container"))
        panels = [self._box(self.page.locator(f"{name} > div")) for name in _PANELS]
        return [
            f"{box.kind} {box.name[:60]}"
            for box in self.boxes()
            if not box.within(area) or any(box.overlaps(panel) for panel in panels)
        ]

    def overlapping(self) -> list[tuple[str, str]]:
        """The boxes that lie over another one."""
        return [
            (f"{one.kind} {one.name[:60]}", f"{other.kind} {other.name[:60]}")
            for one, other in combinations(self.boxes(), 2)
            if one.overlaps(other)
        ]


def _exactly(name: str) -> re.Pattern[str]:
    # The element's <title> repeats the name.
    return re.compile(rf"^{re.escape(name)}({re.escape(name)})?$")
