"""Takes a proven point of both stores and prints its id: a process for tests to kill."""

import sys

from pipelines.ops.backup import take_backup
from pipelines.ops.cli.backup import faiss_capture, redis_capture
from pipelines.ops.proof.proving import prove
from tests.ops.restore.child import made_ready

if __name__ == "__main__":
    work = made_ready()
    report = take_backup(work, redis=redis_capture(work, None), faiss=faiss_capture(work, None), proven=False)
    sys.stdout.write(f"{report.ref.id}\n")
    sys.stdout.flush()
    prove(work, report.ref, 3)
