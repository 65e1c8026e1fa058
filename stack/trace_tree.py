"""One trace as a tree for a terminal: who called whom, how long it took, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.text import Text
from rich.tree import Tree

from stack.traces import SpanEvent, TracedSpan, Value

_SHOWN: Final = {
    "tandem.client_order_id": "order",
    "tandem.placement_id": "placement",
    "tandem.venue": "venue",
    "tandem.order_status": "status",
    "http.response.status_code": "HTTP",
    "rpc.response.status_code": "gRPC",
    "error.type": "error",
}
"""Attributes that are shown, and what they are called."""

_OF_EVENTS: Final = ("tandem.from_venue", "tandem.to_venue")
_FINE: Final = frozenset({"OK"})
_CONTRACT: Final = "tandem.v1."
_PREFIX: Final = "tandem-"


def render(spans: Sequence[TracedSpan], title: str = "") -> Tree:
    """The spans of one trace under its id; one whose parent did not come stands at the top."""
    trace_id = spans[0].trace_id if spans else "-"
    tree = Tree(Text(title or f"trace {trace_id}", style="bold"), guide_style="dim")
    known = {span.span_id for span in spans}
    children: dict[str, list[TracedSpan]] = {}
    for span in sorted(spans, key=lambda s: s.start_ns):
        parent = span.parent_id if span.parent_id in known else ""
        children.setdefault(parent, []).append(span)
    _grow(tree, children, "", {})
    return tree


def _grow(
    tree: Tree,
    children: Mapping[str, Sequence[TracedSpan]],
    parent: str,
    said: Mapping[str, Value],
) -> None:
    for span in children.get(parent, ()):
        branch = tree.add(_label(span, said))
        for event in span.events:
            branch.add(_event(event))
        _grow(branch, children, span.span_id, {**said, **span.attributes})


def _label(span: TracedSpan, said: Mapping[str, Value]) -> Text:
    """One line; what a span above has said already isn't said again."""
    label = Text()
    label.append(span.service.removeprefix(_PREFIX), style="cyan")
    label.append(f"  {_name(span)}", style="bold")
    label.append(f"  {_duration(span.duration_s)}", style="dim")
    label.append("  failed" if span.failed else "  ok", style="red" if span.failed else "green")
    for key, name in _SHOWN.items():
        value = span.attributes.get(key)
        if value is not None and value not in _FINE and _is_news(key, value, said):
            label.append(f"  {name} {value}", style="dim")
    return label


def _is_news(key: str, value: Value, said: Mapping[str, Value]) -> bool:
    return not key.startswith("tandem.") or said.get(key) != value


def _name(span: TracedSpan) -> str:
    way = {"CLIENT": "→ ", "SERVER": "← "}.get(span.kind, "")
    return way + span.name.removeprefix(_CONTRACT)


def _event(event: SpanEvent) -> Text:
    told = dict(event.attributes)
    way = [str(told.pop(name)) for name in _OF_EVENTS if name in told]
    words = [event.name, " → ".join(way), *(str(value) for value in told.values())]
    return Text("• " + "  ".join(word for word in words if word), style="yellow")


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
