"""A supervisor of two small processes, for the tests to run as a program: `supervised.py HOME`."""

import sys
from pathlib import Path

from orchestrator.layout import layout_of
from orchestrator.supervisor import Supervisor
from orchestrator.supervisor_child import ChildSpec
from orchestrator.supervisor_settings import PORTS, Settings

CODE = """
import os, socket, subprocess, time
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(os.environ["POCKETMESH_HOME"] + "/orphan", "w").write(str(os.getpid()))
        time.sleep(30)
    os._exit(0)
time.sleep(600)
"""
layout = layout_of(Path(sys.argv[1]))
layout.prepare()
python = (sys.executable, "-c", CODE)
specs = [ChildSpec("first", python), ChildSpec("second", python, after="first")]
Supervisor(layout, Settings("test", {port.key: 1 for port in PORTS}), specs).run()
