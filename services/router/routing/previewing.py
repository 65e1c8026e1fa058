"""Where an order would go if it were sent now, for a preview. Records and sends nothing."""

from __future__ import annotations

from services.common.domain.errors import Reason, Refused, Unavailable
from services.common.domain.order_spec import OrderSpec
from services.router.books.books import Books
from services.router.risk.gate import check_gate
from services.router.routing.accounts import AccountLinks, read_facts
from services.router.routing.plan import plan_order


async def planned_venue(
    account: AccountLinks, spec: OrderSpec, books: Books
) -> tuple[str, list[str]]:
    """The venue that would get the order, and what would keep it from being sent now.

    Raises what SubmitOrder would: Refused where a rule forbids the order, NotFound for a venue
    that the account does not have, Unavailable ALL_VENUES_UNAVAILABLE where none can take it.
    """
    facts = await read_facts(account, spec, books)
    plan = plan_order(
        spec,
        account.account_id,
        books,
        account.views(),
        facts,
        allow_uncovered=account.allow_uncovered,
        policy=account.policy,
    )
    if plan.children:
        parts = ", ".join(f"{child.order_qty} at {child.view.name}" for child in plan.children)
        raise Refused(
            Reason.NOT_IMPLEMENTED,
            f"the order would be split ({parts}): preview each part with venue_pin",
        )
    if not plan.candidates:
        shown = "; ".join(f"{cause.venue}: {cause.message}" for cause in plan.passed_over)
        raise Unavailable(
            Reason.ALL_VENUES_UNAVAILABLE,
            f"no venue would take {spec.client_order_id}: {shown}",
            venue_causes=plan.passed_over,
        )
    try:
        check_gate(books, account.account_id, plan.role)
    except Refused as forbidden:
        return plan.candidates[0].name, [forbidden.message]
    return plan.candidates[0].name, []
