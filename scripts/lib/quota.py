"""A share of a core, and no more: control groups of either version; needs root."""

import contextlib
import os
import pathlib
import time


@contextlib.contextmanager
def cpu_quota(percent):
    """A control group of either version with this share of a core."""
    v1 = pathlib.Path("/sys/fs/cgroup/cpu")
    parent = v1 if v1.is_dir() else pathlib.Path("/sys/fs/cgroup")
    if parent != v1:
        (parent / "cgroup.subtree_control").write_text("+cpu")
    group = parent / f"rmq-bench-{os.getpid()}"
    group.mkdir()
    if parent == v1:
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text(str(percent * 1000))
    else:
        (group / "cpu.max").write_text(f"{percent * 1000} 100000")
    try:
        yield group
    finally:
        # Empty now; a member that ends takes a moment to be gone.
        for _ in range(100):
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.02)
