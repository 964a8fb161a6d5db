"""The benchmark of S3: what its table holds, and the delay that it measures with."""

import time
from io import StringIO
from pathlib import Path

from rich.console import Console

from tests.bench.s3 import Run, table
from tests.s3.delayed import delayed
from tests.s3.versitygw import s3_server, store_of


def test_the_table_has_throughput_and_what_is_left_of_it() -> None:
    """Medians of the rounds, and whether the goal is met for each command."""
    near = [{"backup": Run(s, 100, 5), "restore": Run(1.0, 100, 5)} for s in (9.0, 4.0, 5.0)]
    far = [{"backup": Run(6.0, 200_000_000, 7), "restore": Run(s, 100, 9)} for s in (1.2, 9.0, 1.3)]
    out = StringIO()
    Console(file=out, width=130).print(table(500_000_000, 0.05, near, far))
    title, _, backup, restore = out.getvalue().splitlines()
    assert title.startswith("500 MB on S3, 3 rounds; with 50 ms")
    assert backup.split() == ["backup", "5.00", "100", "6.00", "83", "0.83", "met", "7", "200"]
    assert restore.split() == ["restore", "1.00", "500", "1.30", "385", "0.77", "NOT", "MET", "9", "0"]


def test_each_request_waits_once(tmp_path: Path) -> None:
    """However its bytes come, and on one connection as on several; answers are as they were."""
    delay = 0.2
    value = bytes(range(256)) * 8000
    with s3_server(tmp_path / "s3") as server, delayed(server.endpoint, delay) as way:
        store = store_of(server.environ() | {"AWS_ENDPOINT_URL_S3": way.address})
        began = time.monotonic()
        store.put("objects/aa/one", value, replace=True)
        assert store.get("objects/aa/one", limit=len(value)) == value
        assert store.size("objects/aa/one") == len(value)
        assert time.monotonic() - began >= 3 * delay
    assert way.requests == 3
