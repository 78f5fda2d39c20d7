"""Memory of training and the answering time of commands.

    python benchmarks/footprint.py

Peak resident memory of `sparring train dcgan` at 32x32, batch 64 (as the system counts it, files mapped by
the libraries included), and the median wall time of `sparring --help` and of `sparring sample` on a packed DCGAN."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run(*arguments: object) -> tuple[float, int]:
    """Wall seconds and peak resident MiB of a command."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "sparring", *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, arguments
    return time.perf_counter() - began, usage.ru_maxrss // 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out, model = Path(folder) / "run", Path(folder) / "model.safetensors"
        for precision in ("bfloat16", "float32"):
            path = out.with_name(precision)
            _, peak = run(
                "train", "dcgan", "--data", "fashion10k", "--batch-size", 64, "--minutes", 1, "--precision", precision, "--out", path
            )
            print(f"train dcgan, 32x32x1, batch 64, width 64, {precision}: peak resident {peak:,} MiB")
        run("pack", path, model)
        for command in (["--help"], ["sample", model, "-n", 64, "--out", Path(folder) / "grid.png"]):
            times = [run(*command)[0] for _ in range(9)]
            print(f"sparring {command[0]}: median {statistics.median(times):.2f} s, worst of {len(times)} {max(times):.2f} s")


if __name__ == "__main__":
    main()
