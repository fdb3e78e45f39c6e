"""robopref under attack: requests, kills, files of others, models' bills, settings and documented commands.

`make bench-security` takes about an hour on two cores; `python -m benchmarks.security requests kills` runs some parts
and keeps the records of the others, and `share=0.1` attacks less and writes nothing.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from benchmarks import attacks
from benchmarks.records import earlier, write


def main() -> None:
    """Run the parts, each a module of ``benchmarks.attacks``, and write the result."""
    known = sorted(module.name for module in pkgutil.iter_modules(attacks.__path__))
    shares = [float(word.removeprefix("share=")) for word in sys.argv[1:] if word.startswith("share=")]
    share = shares[0] if shares else 1.0
    parts = [word for word in sys.argv[1:] if "=" not in word] or known
    if unknown := set(parts) - set(known):
        sys.exit(f"no part {', '.join(sorted(unknown))}; expected some of {', '.join(known)}")
    for part in parts:
        records = importlib.import_module(f"benchmarks.attacks.{part}").measure(share)
        for record in records:
            print(f"{record.value:10.4g} {record.unit}, target {record.target or '-'}: {record.claim}", flush=True)
        if share == 1.0:
            print(f"result: {write('security', records, earlier('security', [part]))}", flush=True)


if __name__ == "__main__":
    main()
