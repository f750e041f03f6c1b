"""Goal: a pod shows its containers what it should and nothing else, and keeps their logs and exit codes.

Method: real sandboxes made by a real zygote, scripts inside that report what they see.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from orchestrator.layout import Layout
from orchestrator.runtimes.base import ContainerSpec, Limits, Mount, RuntimeFailure
from orchestrator.runtimes.sandbox import SandboxRuntime

IP = "10.244.7.5"


def shell(name: str, script: str, **more: object) -> ContainerSpec:
    attempt = int(str(more.pop("attempt", 0)))
    argv = ("/bin/sh", "-c", script)
    return ContainerSpec(name, argv, f"{name}/{attempt}.log", attempt=attempt, **more)  # type: ignore[arg-type]


async def test_exit_code_and_both_streams_are_kept(make_pod, run_shell, layout: Layout) -> None:
    pod = await make_pod(IP)
    state, lines = await run_shell(pod, "echo out; echo err >&2; printf unfinished; exit 7")
    assert (state.exit_code, state.signal, state.running) == (7, 0, False)
    assert sorted(lines) == ["err", "out", "unfinished"]
    text = (layout.pod(IP) / "main/0.log").read_text()
    assert " stdout F out\n" in text and " stderr F err\n" in text


async def test_a_killed_container_reports_its_signal(make_pod) -> None:
    pod = await make_pod(IP)
    await pod.start_container(shell("main", "sleep 60"))
    await pod.signal("main", signal.SIGKILL)
    state = await pod.wait("main", 0)
    assert (state.exit_code, state.signal) == (137, 9)


async def test_host_name_addresses_and_name_servers(make_pod, run_shell) -> None:
    pod = await make_pod(IP, name="web-0", fqdn="web-0.web.default.svc.cluster.local", hosts={"10.1.2.3": ["db"]})
    _, lines = await run_shell(pod, "hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf")
    assert lines[:2] == ["web-0", "web-0"]
    assert f"{IP}\tweb-0.web.default.svc.cluster.local web-0" in lines
    assert "10.1.2.3\tdb" in lines
    assert lines[-3:] == [
        "nameserver 10.96.0.10",
        "search default.svc.cluster.local svc.cluster.local cluster.local",
        "options ndots:5",
    ]


async def test_nothing_of_the_starter_is_in_sight(make_pod, run_shell, layout: Layout, tmp_path: Path) -> None:
    """Homes, state, run directory, others' temporary files, other processes: neither listed nor readable."""
    secret = layout.home / "kubeconfig"
    secret.write_text("private")
    other = tmp_path / "secret"
    other.write_text("private")
    pod = await make_pod(IP)
    sight = [secret, layout.run / "sandbox-zygote.sock", pod.directory / "shim.sock", other, Path("/etc/shadow")]
    script = "; ".join(f"cat {path} >/dev/null 2>&1 && echo {path}" for path in sight)
    script += f"; ls -A /home /root /run /tmp /var/tmp | grep -v ':$' | grep -v '^$' | grep -v '^{'.pyenv'}$'"
    script += f"; ls -d {Path.home()}/.bash_history {Path.home()}/.ssh 2>/dev/null"
    script += "; ls /proc | grep -c '^[0-9]*$'; cat /proc/1/comm; ls /dev/mem /dev/kmsg /dev/vda 2>/dev/null"
    _, lines = await run_shell(pod, script)
    assert int(lines[0]) <= 5, lines
    assert lines[1:] == ["sh"], lines


async def test_all_privileges_are_gone(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    _, lines = await run_shell(pod, "grep -E '^(Cap|NoNewPrivs|Uid|Gid)' /proc/self/status")
    found = dict(line.split(":\t") for line in lines)
    assert {found[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh")} == {"0" * 16}
    assert found["NoNewPrivs"] == "1"
    assert found["Uid"] == "0\t0\t0\t0"


async def test_a_new_user_namespace_gains_nothing(make_pod, run_shell) -> None:
    """Full capabilities in a namespace of one's own must not reach the masks or the pod's network rules."""
    pod = await make_pod(IP)
    script = (
        "unshare -rm sh -c 'for m in /var/tmp /proc/keys; do umount $m 2>/dev/null && echo unmasked; done'"
        "; unshare -r sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward' 2>/dev/null && echo configured"
        "; echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null && echo configured; true"
    )
    _, lines = await run_shell(pod, script)
    assert not [line for line in lines if line in ("unmasked", "configured")]


async def test_writes_stay_in_the_container(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    script = "for d in / /etc /opt /var/log /usr/local /tmp /root; do echo x > $d/pm-test || echo no $d; done"
    script += "; cat /etc/pm-test"
    _, lines = await run_shell(pod, script)
    assert lines == ["x"]
    assert not Path("/etc/pm-test").exists()
    _, lines = await run_shell(pod, "cat /etc/pm-test 2>/dev/null || echo gone", attempt=1)
    assert lines == ["gone"]


async def test_volumes_where_the_manifest_says(make_pod, run_shell, tmp_path: Path) -> None:
    """Missing directories are made, links on the path stay inside, read-only is read-only, a file can be one too."""
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "key").write_text("value\n")
    pod = await make_pod(IP)
    os.chown(volume, pod.host_id(0), pod.host_id(0))
    mounts = (
        Mount(str(volume), "/var/run/secrets/tokens"),
        Mount(str(volume), "/usr/share/pm/deep/html", read_only=True),
        Mount(str(volume / "key"), "/etc/pm/key.conf", read_only=True),
        Mount(str(volume), "/new-top/dir"),
    )
    script = (
        "cat /run/secrets/tokens/key /usr/share/pm/deep/html/key /etc/pm/key.conf /new-top/dir/key;"
        "echo w > /new-top/dir/w;"
        "touch /usr/share/pm/deep/html/x 2>/dev/null || echo refused"
    )
    _, lines = await run_shell(pod, script, mounts=mounts)
    assert lines == ["value"] * 4 + ["refused"]
    assert (volume / "w").read_text() == "w\n"


async def test_image_directory_is_seen_read_only_inside_a_masked_home(make_pod, run_shell, layout: Layout) -> None:
    image = layout.home / "image"
    image.mkdir(exist_ok=True)
    (image / "app.py").write_text("import sys; print('image', sys.prefix)")
    layout.home.chmod(0o700)
    pod = await make_pod(IP)
    script = f"python {image}/app.py; touch {image}/x 2>/dev/null || echo refused; ls -A {layout.home}"
    _, lines = await run_shell(pod, script, image_directory=str(image))
    assert lines == [f"image {sys.prefix}", "refused", "image"]


async def test_user_of_the_security_context(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    script = "id -u; id -g; grep CapEff /proc/self/status; grep CapBnd /proc/self/status; echo ok > /dev/stdout"
    _, lines = await run_shell(pod, script, run_as_user=1234, run_as_group=4321, run_as_non_root=True)
    assert lines == ["1234", "4321", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "ok"]


async def test_read_only_root(make_pod, run_shell, tmp_path: Path) -> None:
    pod = await make_pod(IP)
    os.chown(tmp_path, pod.host_id(0), pod.host_id(0))
    script = (
        "for d in / /etc /tmp /var/log; do touch $d/x 2>/dev/null && echo wrote $d; done; touch /data/x && echo volume"
    )
    _, lines = await run_shell(pod, script, read_only_root=True, mounts=(Mount(str(tmp_path), "/data"),))
    assert lines == ["volume"]


@pytest.mark.parametrize(
    ("more", "reason", "text"),
    [
        ({"run_as_non_root": True}, "CreateContainerConfigError", "runAsNonRoot"),
        ({"capabilities": ("NET_ADMIN",)}, "CreateContainerConfigError", "NET_ADMIN"),
        ({"mounts": (Mount("/no/such/directory", "/x"),)}, "CreateContainerError", "/no/such/directory"),
        ({"workdir": "/proc/nothing"}, "RunContainerError", "/proc/nothing"),
        ({"argv": ("no-such-program",)}, "RunContainerError", "executable file not found in $PATH"),
        ({"argv": ("/etc/hosts",)}, "RunContainerError", "Permission denied"),
    ],
)
async def test_what_cannot_start_says_why(make_pod, more, reason: str, text: str) -> None:
    pod = await make_pod(IP)
    fields = {"name": "main", "argv": ("/bin/true",), "log_path": "main/0.log", **more}
    with pytest.raises(RuntimeFailure) as refused:
        await pod.start_container(ContainerSpec(**fields))
    assert refused.value.reason == reason
    assert text in refused.value.message
    await pod.start_container(shell("main", "true"))
    assert (await pod.wait("main", 0)).exit_code == 0


async def test_exec_runs_beside_with_the_same_walls(make_pod) -> None:
    pod = await make_pod(IP)
    await pod.start_container(
        shell("main", "echo mine > /tmp/mark; exec sleep 60", run_as_user=77, env={"COLOUR": "red"})
    )
    script = "while ! test -s /tmp/mark; do :; done; cat /tmp/mark; id -u; echo $COLOUR"
    script += "; grep CapBnd /proc/self/status; exit 3"
    found = await pod.execute("main", ["sh", "-c", script], timeout_s=5)
    assert (found.exit_code, found.timed_out) == (3, False)
    assert found.output.decode().split() == ["mine", "77", "red", "CapBnd:", "0" * 16]


async def test_exec_is_killed_at_its_time(make_pod) -> None:
    pod = await make_pod(IP)
    await pod.start_container(shell("main", "exec sleep 60"))
    found = await pod.execute("main", ["sh", "-c", "echo begun; sleep 60"], timeout_s=0.3)
    assert found.timed_out and found.output == b"begun\n"
    with pytest.raises(RuntimeFailure, match="executable file not found"):
        await pod.execute("main", ["no-such-program"], timeout_s=1)


async def test_containers_share_network_but_not_processes(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    server = "import socket; s = socket.create_server(('127.0.0.1', 80)); c, _ = s.accept(); c.sendall(b'hello')"
    await pod.start_container(ContainerSpec("server", ("python", "-c", server), "server/0.log"))
    client = "import socket, time\nwhile True:\n try: print(socket.create_connection(('127.0.0.1', 80)).recv(9)); break"
    client += "\n except OSError: time.sleep(.01)"
    _, lines = await run_shell(pod, f"ps ax | grep -c '[c]reate_server'; python -c \"{client}\"")
    assert lines == ["0", "b'hello'"]


async def test_a_shared_process_namespace(make_pod, run_shell) -> None:
    pod = await make_pod(IP, share_process_namespace=True)
    await pod.start_container(shell("other", "exec sleep 61"))
    script = "ps ax | grep -q '[s]leep 61' && echo seen; kill -9 1; ls /proc/1/root 2>/dev/null && echo open; echo $$"
    _, lines = await run_shell(pod, script)
    assert lines[0] == "seen" and len(lines) == 2 and int(lines[1]) > 1
    assert pod.identity.alive()


async def test_a_pod_socket_reaches_the_application(make_pod) -> None:
    pod = await make_pod(IP)
    server = f"import socket; s = socket.create_server(('{IP}', 8080)); s.accept()[0].sendall(b'hi')"
    await pod.start_container(ContainerSpec("main", ("python", "-c", server), "main/0.log"))
    while True:
        try:
            with await pod.connect(8080, timeout_s=2) as connection:
                assert await asyncio.get_running_loop().sock_recv(connection, 10) == b"hi"
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)


async def test_a_later_kubelet_adopts_the_pod(make_pod, layout: Layout) -> None:
    """Running containers go on, ends that nobody watched are known, and the dead's remains are removed."""
    pod = await make_pod(IP)
    await pod.start_container(shell("job", "exit 5"))
    await pod.wait("job", 0)
    await pod.start_container(shell("main", "exec sleep 60"))
    dead = layout.sandbox("10.244.9.9")
    dead.mkdir(parents=True)
    later = SandboxRuntime(layout)
    (adopted,) = await later.sandboxes()
    assert (adopted.uid, adopted.ip, adopted.identity) == (pod.uid, IP, pod.identity)
    assert not dead.exists()
    states = {state.name: state for state in await adopted.containers()}
    assert states["main"].running and states["job"].exit_code == 5
    ends: list[str] = []
    adopted.on_exit(lambda state: ends.append(state.name))
    await adopted.signal("main", signal.SIGTERM)
    await adopted.signal("main", signal.SIGKILL)
    assert (await adopted.wait("main", 0)).exit_code == 137
    assert ends == ["main"]
    assert await later.adopt("another-uid", IP) is None
    assert (await later.adopt(pod.uid, IP)).uid == pod.uid


async def test_a_sandbox_that_is_killed_ends_its_containers(make_pod) -> None:
    pod = await make_pod(IP)
    await pod.start_container(shell("main", "exec sleep 60"))
    pod.identity.kill()
    state = await pod.wait("main", 0)
    assert (state.running, state.exit_code) == (False, 255)
    await asyncio.wait_for(pod.gone(), 5)


async def test_stop_leaves_nothing(make_pod) -> None:
    pod = await make_pod(IP)
    await pod.start_container(shell("main", "trap '' TERM; sleep 60 & sleep 60"))
    await pod.stop()
    await pod.stop()
    assert not pod.identity.alive()
    assert not pod.directory.exists()


async def test_memory_limit_kills_and_says_so(runtime: SandboxRuntime, make_pod) -> None:
    if not runtime.limits_enforced:
        pytest.skip("this user may not make control groups here")
    pod = await make_pod(IP)
    spec = ContainerSpec(
        "main", ("python", "-c", "x = bytearray(200 << 20)"), "main/0.log", limits=Limits(memory_bytes=64 << 20)
    )
    started = await pod.start_container(spec)
    assert started.limits_enforced
    state = await pod.wait("main", 0)
    assert (state.exit_code, state.oom_killed) == (137, True)


async def test_a_pod_of_the_hosts_network(make_pod, run_shell) -> None:
    pod = await make_pod("", host_network=True)
    _, lines = await run_shell(pod, "ls /sys/class/net; cat /proc/net/dev | wc -l")
    own = len(Path("/proc/net/dev").read_text().splitlines())
    assert int(lines[-1]) == own
