"""The cache of compiled programs: bounded, mended, and left alone where the user has one."""

import os
import zlib

import jax
import pytest

from jaxdl.launch import compiled


def put(folder, name, size, used):
    path = folder / f"{name}-cache"
    path.write_bytes(zlib.compress(os.urandom(size)))
    os.utime(path, (used, 0))
    return path


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    files = [put(tmp_path, str(n), 1000, used) for n, used in enumerate((30, 10, 40, 20, 50))]
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    compiled.trim(tmp_path, 10_000)
    assert all(path.exists() for path in files)
    compiled.trim(tmp_path, 4_000)
    assert [path.exists() for path in files] == [True, False, True, False, True]
    assert other.exists()
    compiled.trim(tmp_path / "nowhere", 0)


@pytest.mark.parametrize("place", [3, 500, -1])
def test_a_damaged_entry_is_removed_with_a_warning(tmp_path, place):
    good, bad = put(tmp_path, "good", 1000, 0), put(tmp_path, "bad", 1000, 0)
    content = bytearray(bad.read_bytes())
    content[place] ^= 4
    bad.write_bytes(content)
    with pytest.warns(UserWarning, match="bad-cache was damaged and is removed"):
        compiled.drop_unreadable(tmp_path)
    assert (good.exists(), bad.exists()) == (True, False)


def test_a_cache_of_the_users_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = jax.config.jax_compilation_cache_dir
    assert before is not None  # of these tests
    assert compiled.keep() is None
    assert jax.config.jax_compilation_cache_dir == before
    assert not list(tmp_path.iterdir())
