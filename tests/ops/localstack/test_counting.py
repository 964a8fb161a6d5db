"""Workers of one stack count together, whichever of them is asked, and begin again with the stack."""

from pathlib import Path

import httpx

from tests.ops.localstack.stacks import environment, synapse_up


def test_every_scrape_tells_of_all_workers(tmp_path: Path) -> None:
    """Four workers: the sum is what was asked, in each scrape; another start begins at nothing."""
    environ = environment(tmp_path)
    for _ in range(2):
        with synapse_up(tmp_path, environ, "--workers", "4") as command:
            url = command.said["url"]
            for _ in range(24):
                assert httpx.get(f"{url}/api/documents").status_code == 200
            counted = [_documents(httpx.get(f"{url}/metrics").text) for _ in range(12)]
            command.process.terminate()
            assert command.process.wait(30) == 0
        assert counted == [24.0] * 12


def _documents(text: str) -> float:
    (line,) = [
        line
        for line in text.splitlines()
        if line.startswith('synapse_requests_total{method="GET",route="/api/documents"')
    ]
    return float(line.split()[-1])
