"""Commands for the operator of the box: backup, restore. The looking-after is in `doctor`."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowd.cli.command import OK, Command, config_of
from flowd.cli.output import size
from flowd.store.backup import backup, restore


def _data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", help="the daemon's data folder (FLOWD_DATA)")


def _backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the new file; the daemon may run meanwhile")
    _data_option(parser)


def _backup(args: argparse.Namespace) -> int:
    written = backup(config_of(args).database, args.file.absolute())
    print(f"{args.file}: {size(written)}, checked")
    return OK


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="a file made by `flowd backup`; the daemon must not run"
    )
    _data_option(parser)


def _restore(args: argparse.Namespace) -> int:
    database = config_of(args).database
    kept = restore(args.file.absolute(), database)
    print(f"{database}: restored from {args.file}")
    if kept is not None:
        print(f"the database that was there is kept as {kept}")
    return OK


COMMANDS = {
    "backup": Command("copy the database while the daemon works", _backup_arguments, _backup),
    "restore": Command("put a copy of the database back", _restore_arguments, _restore),
}
