"""The demo: every step of a scheduled run, on an estate that is served on the loopback interface."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from keyproof.configuration import load_configuration
from keyproof.terminal import collection_progress, print_line, steps

_CLOUD_SETTINGS = ("AWS_", "AZURE_", "GOOGLE_", "VAULT_", "BAO_", "GCLOUD_", "CLOUDSDK_", "HTTPS_PROXY", "https_proxy")
"""How the names of environment variables begin that the providers' clients read."""


def run_demo(out: Path, *, as_json: bool, quiet: bool) -> int:
    """Seed, collect, judge, write and verify; says where the pack is and what to look at first. Gives the exit code.

    Raises StoreError where `out` holds something else than an earlier demo.
    """
    from keyproof.conclusion import conclude
    from keyproof.demo.company import served, write_configuration
    from keyproof.demo.registers import write_registers
    from keyproof.exits import Exit
    from keyproof.run import begin, collect, load_catalogue_for, opened_store
    from keyproof.verification import verify

    now = datetime.now(UTC).replace(microsecond=0)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as estate:
        with steps(not quiet) as on_step:
            on_step("seeding an estate on three clouds, in a Vault and on a token")
            # The estate is as old as the day, so that a second demo of the same day finds it unchanged.
            company = estate.enter_context(served(now.replace(hour=0, minute=0, second=0)))
        estate.enter_context(_environment(company.credentials))
        registers = write_registers(out, now.date())
        configuration = load_configuration(write_configuration(out, company.sources, now=now, **registers))
        catalogue = load_catalogue_for(configuration, ())
        store = opened_store(configuration)
        with store.locked(0):
            company.plant(begin(configuration, store).observations)
            with collection_progress(not quiet) as on_progress:
                run, _ = collect(configuration, store, on_progress=on_progress)
            pack = out / "pack"
            code = conclude(
                run,
                configuration,
                catalogue,
                store,
                as_of=None,
                out=pack,
                formats=(),
                fail_on=None,
                accepted=(),
                as_json=as_json,
                quiet=quiet,
            )
    with steps(not quiet) as on_step:
        verification = verify(pack, on_step=on_step)
    if verification.problems:
        for line in verification.lines():
            print_line(line)
        return Exit.UNVERIFIED
    if not as_json:
        _print_what_to_look_at(out, pack, company.token.told_by)
    # The refused region is part of the show: an incomplete estate is what the demo is expected to find.
    return Exit.DONE if code == Exit.INCOMPLETE else code


def _print_what_to_look_at(out: Path, pack: Path, token: str) -> None:
    print_line(f"{pack} was verified: every byte, and the whole judgment performed once more from its observations")
    print_line()
    print_line("look at first:")
    print_line(f"  {pack / 'report.pdf'}     what an auditor gets; page 3 says what fails and what nobody could see")
    print_line(f"  {pack / 'workbook.xlsx'}  the same populations, to filter")
    print_line("  page 4 shows AWS, Azure, Google Cloud, Vault and a token side by side")
    print_line(f"  the Vault is a real OpenBao; the token is {token}")
    print_line("  an account refused a region, a vault its data plane, a project its key rings: they are gaps, and")
    print_line("  their verdicts are inconclusive; look for them under `The gaps`")
    print_line("  a public key policy, an expired import and a key that waits for destruction while a secret needs it")
    print_line("then try:")
    print_line(f"  change any byte of the pack, and `keyproof verify {pack}` names it")
    print_line(
        f"  `keyproof attest check -c {out / 'config.toml'}` tells which attestations count for nothing, and why;"
    )
    print_line("  `keyproof except check` does so for exceptions")
    print_line("  `keyproof explain ROT-02` tells what a control means and how it decides")


@contextmanager
def _environment(credentials: Mapping[str, str]) -> Iterator[None]:
    """Only the estate's credentials, and nothing of the machine's own cloud settings, until the end."""
    own = {name: value for name, value in os.environ.items() if name.startswith(_CLOUD_SETTINGS)}
    for name in own:
        del os.environ[name]
    os.environ.update(credentials)
    try:
        yield
    finally:
        for name in credentials:
            os.environ.pop(name, None)
        os.environ.update(own)
