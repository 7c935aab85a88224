"""Where keyproof's own secrets come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.credentials import configured_secret
from collectors.source import CredentialError


@pytest.mark.parametrize("content", [b"open sesame", b"open sesame\n", b"open sesame\r\nsecond line\n"])
def test_a_file_s_first_line_counts(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert configured_secret("source 'x'", "pin", None, str(tmp_path / "secret")) == "open sesame"


def test_blanks_and_bytes_that_are_no_text_are_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(b" \xff ")
    monkeypatch.setenv("SECRET", " \udcff ")
    from_file = configured_secret("source 'x'", "pin", None, str(tmp_path / "secret"))
    assert from_file == configured_secret("source 'x'", "pin", "SECRET", None) == " \udcff "


def test_nothing_configured_is_no_error() -> None:
    assert configured_secret("source 'x'", "pin", None, None) == ""


@pytest.mark.parametrize("content", [None, "", "\nsecond line"])
def test_what_is_configured_and_not_there_is_told_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "secret"
    monkeypatch.delenv("SECRET", raising=False)
    if content is not None:
        path.write_text(content)
        monkeypatch.setenv("SECRET", "")
    with pytest.raises(CredentialError, match=f"source 'x': pin_file '{path}': "):
        configured_secret("source 'x'", "pin", "SECRET", str(path))
    with pytest.raises(CredentialError, match="source 'x': pin_env names SECRET, which is not set"):
        configured_secret("source 'x'", "pin", "SECRET", None)
