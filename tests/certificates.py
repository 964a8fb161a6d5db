"""A certificate authority of one's own and a server certificate for 127.0.0.1, made with openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files: the authority to trust, a server's certificate and its key."""

    authority: Path
    certificate: Path
    key: Path


def made_in(folder: Path) -> Certificates:
    """Make an authority and a server certificate signed by it."""
    folder.mkdir()
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    key = ["-newkey", "rsa:2048", "-nodes", "-sha256"]
    _openssl(
        *("req", "-x509", *key, "-days", "2", "-subj", "/CN=authority"),
        *("-addext", "keyUsage=critical,keyCertSign", "-keyout", folder / "ca.key", "-out", made.authority),
    )
    _openssl("req", *key, "-subj", "/CN=server", "-keyout", made.key, "-out", folder / "server.csr")
    names = folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    _openssl(
        *("x509", "-req", "-days", "2", "-sha256", "-in", folder / "server.csr", "-CA", made.authority),
        *("-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", names, "-out", made.certificate),
    )
    return made


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
