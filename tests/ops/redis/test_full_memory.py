"""A server whose memory is full and that evicts nothing is captured like any other."""

from pathlib import Path

from pipelines.ops.capture.redis_wire import capture_redis
from pipelines.ops.redis.boot import Scratch, boot, count_problems, program_for
from tests.servers import LiveServer


def test_a_full_server_is_captured(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """It refuses writes and transactions; counts and data are those of its last state."""
    with live.client() as client:
        client.mset({f"key:{number}": "value" * 10 for number in range(1000)})
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", int(client.info("memory")["used_memory"]) // 2)
    captured = capture_redis(live.address, tmp_path / "spool")
    source = captured.source(())
    assert source.databases is not None
    assert source.databases["0"].keys == 1000
    with boot(source, captured.folder, program_for(source, scratch), scratch) as server:
        assert list(count_problems(source, server)) == []
        assert server.client.dbsize() == 1000
