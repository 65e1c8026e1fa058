"""The `tandem` command: look at accounts and orders, send and cancel orders, halt trading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from tandem_client.command import (
    changing,
    doubts,
    journal,
    looking,
    market,
    operating,
    outcomes,
    quarantining,
    trading,
)
from tandem_client.command.session import shared_options

_EXIT_CODES = """\b
Exit codes:
  0    done
  1    refused, and nothing happened; or what was asked for is not there or not intact
  2    wrong usage
  3    in doubt: it may have happened, look the order up
  4    nothing answers at the address
  5    the wait ended before the order did; the order goes on as it is
  130  interrupted
"""


@click.group("tandem", epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@shared_options(from_environment=True)
def _tandem(**_options: Any) -> None:
    """Trade through Tandem: brokers behind one gRPC contract.

    The shared options may stand before or after the command's name.
    """


for _command in (
    *(looking.status, trading.submit, trading.cancel, trading.order, trading.orders),
    *(trading.executions, looking.positions, looking.account, looking.activities),
    *(changing.preview, changing.replace, changing.cancel_all, changing.close),
    *(changing.exercise, market.quotes, market.bars, market.chain, market.snapshot),
    *(market.clock, market.calendar, looking.capabilities, looking.watch),
    *(operating.halt, operating.reduce, operating.resume, doubts.resolve),
    *(quarantining.quarantine, quarantining.adopt),
    *(journal.verify, journal.journal),
):
    _tandem.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    `arguments` are those of the process unless given. Raises SystemExit only if whoever read
    the output has gone.
    """
    given = None if arguments is None else list(arguments)
    try:
        return int(_tandem.main(given, prog_name="tandem", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return outcomes.USAGE
    except click.ClickException as error:
        command = (
            error.ctx.command_path
            if isinstance(error, click.UsageError) and error.ctx
            else "tandem"
        )
        click.echo(f"{command}: {error.format_message()}", err=True)
        return outcomes.USAGE
    except (KeyboardInterrupt, click.Abort):
        return outcomes.INTERRUPTED
