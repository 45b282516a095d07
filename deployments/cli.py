"""`kefu`: the command line. Each command is a few lines; what it does is in `flows/`."""

from __future__ import annotations

import os
import sys

import typer
from sqlalchemy.exc import ArgumentError, DBAPIError

from deployments import output
from deployments.commands import (
    bulletins,
    complaint_calls,
    complaints,
    inbox,
    orders,
    outbox,
    promises,
    questions,
    quotes,
    rectifications,
    returns,
    runs,
    sandbox,
    shops,
    system,
)
from deployments.private_home import OTHERS
from deployments.shop_files import ShopFileError
from flows.imports.rows import UnreadableFile
from flows.masking import mask_text
from models.shape import DatabaseUnfit
from states.errors import KefuError, OutsideFailed, Refused

app = typer.Typer(
    name="kefu",
    help="客服:到点就做,不会忘记。Rules of a customer-service team that run on the clock.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (
    *(system, sandbox, runs, shops, orders, returns, complaints, complaint_calls, rectifications),
    *(bulletins, outbox, inbox, promises, questions, quotes),
):
    room.add_to(app)


def main() -> None:
    """Run one command; every failure is one clear sentence and the right exit code, never a traceback."""
    os.umask(OTHERS)  # what this process and its children write is its owner's alone
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal in GBK has no ✗: better a ? than no answer
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """One command; its exit code (design.md §9)."""
    try:
        return app(arguments, standalone_mode=False) or output.DONE
    except Refused as no:
        return _say_refused(no, arguments)
    except OutsideFailed as error:
        return _say(arguments, error.code, error.where, str(error), output.OUTSIDE_FAILED)
    except KefuError as error:
        return _say(arguments, error.code, error.where, str(error), output.WRONG_USAGE)
    except ShopFileError as error:
        return _say(arguments, "bad_shop_file", "", str(error), output.WRONG_USAGE)
    except UnreadableFile as error:
        return _say(arguments, "unreadable_file", "", str(error), output.WRONG_USAGE)
    except DatabaseUnfit as error:
        return _say(arguments, error.code, error.where, str(error), output.OUTSIDE_FAILED)
    except DBAPIError as error:
        return _say(arguments, "database", "", _database_sentence(error), output.OUTSIDE_FAILED)
    except ArgumentError as error:
        return _say(
            arguments,
            "database",
            "KEFU_DATABASE_URL",
            f"KEFU_DATABASE_URL names no database that can be used: {error}",
            output.OUTSIDE_FAILED,
        )
    except UnicodeEncodeError:
        return _say(
            arguments,
            "encoding",
            "",
            "a word of this command is no UTF-8 text: set the terminal to UTF-8 and write it again",
            output.WRONG_USAGE,
        )
    except OSError as error:  # the disk is full, a folder is a file, nobody reads what we write
        where = str(error.filename or "")
        said = f"{where + ': ' if where else ''}{error.strerror or error}"
        return _say(arguments, "outside", where, said, output.OUTSIDE_FAILED)
    except typer.TyperException as error:
        said = error.format_message()  # empty after a command's own help
        return _say(arguments, "usage", "", said, output.WRONG_USAGE) if said else output.WRONG_USAGE
    except (KeyboardInterrupt, typer.Abort):
        return 130


def _say(arguments: list[str], code: str, where: str, message: str, exit_code: int) -> int:
    if "--json" in arguments or "--jsonl" in arguments:
        output.as_json({"error": {"code": code, "where": where, "message": message}})
    else:
        output.errors.print(f"kefu: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    return exit_code


def _say_refused(no: Refused, arguments: list[str]) -> int:
    reasons = [reason.as_dict() for reason in no.reasons]
    if "--json" in arguments:
        output.as_json({"refused": reasons[0], "reasons": reasons})
        return output.REFUSED
    for reason in no.reasons:
        rule = f"(规则 {reason.rule})" if reason.rule else ""
        output.errors.print(
            f"拒绝:{reason.zh}{rule}", style="yellow", markup=False, highlight=False, soft_wrap=True
        )
    output.errors.print(f"kefu: {no}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return output.REFUSED


def _database_sentence(error: DBAPIError) -> str:
    said = mask_text(str(error.orig)).strip().splitlines()[0]
    return f"the database could not be used: {said}"
