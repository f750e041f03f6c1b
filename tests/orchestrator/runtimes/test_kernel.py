"""Goal: calls reach the kernel, and a refusal says which one and about what. Method: children that may be spoilt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.runtimes import kernel

ROOT = Path(__file__).resolve().parents[3]


def child(code: str) -> str:
    program = f"from orchestrator.runtimes import kernel as k\nfrom pathlib import Path\nimport os\n{code}"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
    ).stdout


def test_a_refusal_names_the_call_and_its_subject(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="open_tree") as refused:
        kernel.open_tree(str(tmp_path / "none"))
    assert refused.value.filename == str(tmp_path / "none")
    with pytest.raises(OSError, match="setns"):
        kernel.setns(0, kernel.CLONE_NEWUSER)
    with pytest.raises(OSError, match="umount"):
        kernel.unmount(str(tmp_path))
    with pytest.raises(OSError, match="mount nofs"):
        kernel.mount("nofs", str(tmp_path))


def test_promises_of_a_process() -> None:
    out = child(
        "k.set_no_new_privileges(); k.set_dumpable(False); k.set_child_subreaper(); k.join_new_session_keyring()\n"
        "k.set_parent_death_signal(9)\n"
        "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')])"
    )
    assert out.strip() == "['1']"


def test_capabilities_are_lost_for_good(machine: None) -> None:
    out = child(
        "k.unshare(k.CLONE_NEWUSER)\n"
        "k.bound_capabilities([10]); k.set_capabilities([10])\n"
        "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('Cap')])"
    )
    mask = f"{1 << 10:016x}"
    assert out.strip() == str(["0" * 16, mask, mask, mask, "0" * 16])


def test_a_tree_made_read_only_and_moved(machine: None, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from" / "file").write_text("x")
    out = child(
        "uid, gid = os.getuid(), os.getgid()\n"
        "k.unshare(k.CLONE_NEWUSER | k.CLONE_NEWNS)\n"
        "Path('/proc/self/setgroups').write_text('deny'); Path('/proc/self/uid_map').write_text(f'0 {uid} 1')\n"
        f"tree = k.open_tree('{tmp_path}/from'); k.set_tree_attributes(tree, k.MOUNT_ATTR_RDONLY)\n"
        f"k.attach_tree(tree, '{tmp_path}/to'); print(Path('{tmp_path}/to/file').read_text())\n"
        f"try: Path('{tmp_path}/to/file').write_text('y')\n"
        "except OSError as e: print(e.errno)\n"
        f"k.unmount('{tmp_path}/to'); print(list(Path('{tmp_path}/to').iterdir()))\n"
    )
    assert out.split() == ["x", "30", "[]"]
    assert not list((tmp_path / "to").iterdir())


def test_no_signal_stays_ignored() -> None:
    """Those of Python, those a shell ignores in the background, and the two that only the raw call reaches."""
    out = child(
        "import ctypes, signal, struct\n"
        "for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
        "ignore = struct.pack('QQQQ', 1, 0, 0, 0)\n"
        "k._libc.syscall(ctypes.c_long(k._SYS_RT_SIGACTION), 32, ignore, None, ctypes.c_size_t(8))\n"
        "read = lambda: int([l.split()[1] for l in open('/proc/self/status') if l.startswith('SigIgn')][0], 16)\n"
        "before = read(); k.default_signals()\n"
        "print(bool(before & 1 << 31), bool(before & 1 << 1), read())"
    )
    assert out.split() == ["True", "True", "0"]
