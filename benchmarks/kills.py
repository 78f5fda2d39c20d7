"""Kill training at random moments and resume it: does it end as if never interrupted?

    python benchmarks/kills.py [--kills 30] [--seed 0]

One run of `sparring train` goes to its end in peace. Another with the same settings gets `kill -9` after a random
time, is resumed, is killed again, and so on; it writes a checkpoint every few steps, so many kills fall into the
writing of one. At the end every tensor of the last checkpoint and every byte of log.jsonl must be equal."""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from sparring.train import checkpoints

SETTINGS = ["--width", "8", "--batch-size", "16", "--log-every", "7", "--samples", "4", "--checkpoint-every", "3"]


def sparring(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "sparring", *map(str, arguments)], stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        peace, war = Path(folder) / "peace", Path(folder) / "war"
        train = ["train", "dcgan", "--data", "fashion10k", "--steps", arguments.steps, *SETTINGS]
        assert sparring(*train, "--out", peace).wait() == 0
        kills = in_writing = early = 0
        steps_at_kill = []
        while True:
            process = sparring("resume", war) if (war / "config.json").exists() else sparring(*train, "--out", war)
            if kills < arguments.kills:
                # Half of the kills wait for a checkpoint in the making, the others for any moment, start-up included.
                deadline = time.monotonic() + chance.uniform(1, 12)
                aimed = chance.random() < 0.5
                while process.poll() is None and time.monotonic() < deadline + 20 * aimed:
                    if aimed and time.monotonic() > deadline and any(war.glob("checkpoints/.*.tmp")):
                        break
                    time.sleep(0.0002)
            if process.poll() is None and kills < arguments.kills:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                in_writing += any(war.glob("checkpoints/.*.tmp"))
                steps = checkpoints.steps(war / "checkpoints") if war.exists() else []
                early += not steps
                steps_at_kill.append(steps[-1] if steps else 0)
                continue
            assert process.wait() == 0
            break
        tensors = [checkpoints.read(run / "checkpoints", checkpoints.steps(run / "checkpoints")[-1])[0] for run in (peace, war)]
        assert tensors[0].keys() == tensors[1].keys()
        different = [name for name, tensor in tensors[0].items() if not torch.equal(tensor, tensors[1][name])]
        logs = [(run / "log.jsonl").read_bytes() for run in (peace, war)]
        print(f"{kills} kills: {in_writing} while a checkpoint was being written, {early} before the first; at steps {steps_at_kill}")
        print(f"{len(tensors[0])} tensors of step {arguments.steps}: {len(different)} differ.")
        print(f"Logs: {'equal' if logs[0] == logs[1] else 'DIFFERENT'}.")
        sys.exit(bool(different) or logs[0] != logs[1])


if __name__ == "__main__":
    main()
