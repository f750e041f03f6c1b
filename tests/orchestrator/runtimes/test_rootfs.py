"""Goal: details of the root that programs rely on. Method: a real container that looks around."""

from __future__ import annotations

from orchestrator.runtimes.rootfs import DEVICE_LINKS, DEVICES

IP = "10.244.4.5"


async def test_devices(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    script = (
        "ls /dev; echo x > /dev/null; for d in zero urandom; do head -c 4 /dev/$d | wc -c; done; echo shm > /dev/shm/x"
    )
    _, lines = await run_shell(pod, f"{script}; cat /dev/shm/x; echo err > /dev/stderr")
    assert set(lines[: len(DEVICES) + len(DEVICE_LINKS) + 2]) == {*DEVICES, *DEVICE_LINKS, "pts", "shm"}
    assert lines[-4:] == ["4", "4", "shm", "err"] or lines[-3:] == ["4", "4", "shm"]


async def test_kernel_files_tell_only_of_the_container(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    script = "cat /proc/keys | wc -c; cat /proc/timer_list 2>/dev/null | wc -c"
    script += "; sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward' 2>&1 | grep -c 'Read-only'"
    _, lines = await run_shell(pod, f"{script}; ls /.old 2>&1 | grep -c 'No such'")
    assert lines == ["0", "0", "1", "1"]


async def test_temporary_directories_are_everybodys(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    _, lines = await run_shell(pod, "touch /tmp/a /var/tmp/b && stat -c %a /tmp /var/tmp && id -u", run_as_user=1000)
    assert lines == ["1777", "1777", "1000"]


async def test_every_container_of_a_pod_has_its_own(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    await run_shell(pod, "echo mine > /tmp/x", name="one")
    _, lines = await run_shell(pod, "ls -A /tmp", name="two")
    assert lines == []
