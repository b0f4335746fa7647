"""A broker that lets nobody in without a password or a certificate, and nobody do what no ACL allows."""

import datetime
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from stream.job.rights import Right
from stream.sandbox.broker import HOST, Broker

KEY_PASSWORD = "planted-key-password"


@dataclass(frozen=True)
class Secure:
    """open: where the test itself gets in and may do all; the others as their names say."""

    open: str
    scram: str
    mtls: str
    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def certificate(self, name: str) -> dict[str, Any]:
        """Settings of a worker with a client certificate of this name."""
        return {
            "kafka": self.mtls,
            "security_protocol": "SSL",
            "tls_ca": self.ca,
            "tls_cert": self.folder / f"{name}.crt",
            "tls_key": self.folder / f"{name}.key",
            "tls_key_password": KEY_PASSWORD,
        }

    def password(self, user: str, password: str) -> dict[str, Any]:
        """Settings of a worker that logs in by SCRAM."""
        return {
            "kafka": self.scram,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": user,
            "sasl_password": password,
            "tls_ca": self.ca,
        }


@contextmanager
def secure_broker(folder: Path, clients: tuple[str, ...]) -> Iterator[Secure]:
    """Start it, with certificates for these client names."""
    _certificates(folder, clients)
    held = [socket.create_server((HOST, 0)) for _ in range(4)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    with Broker.start(port=ports[0], extra=_properties(ports, folder)) as broker:
        yield Secure(broker.bootstrap, f"{HOST}:{ports[1]}", f"{HOST}:{ports[2]}", folder)


def _properties(ports: list[int], folder: Path) -> dict[str, str]:
    names = ("PLAINTEXT", "SCRAM", "MTLS", "CONTROLLER")
    listeners = [f"{name}://{HOST}:{port}" for name, port in zip(names, ports, strict=True)]
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        "listeners": ",".join(listeners),
        "advertised.listeners": ",".join(listeners[:3]),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SCRAM:SASL_SSL,MTLS:SSL",
        "controller.quorum.voters": f"1@{HOST}:{ports[3]}",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": login,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.mtls.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def _certificates(folder: Path, clients: tuple[str, ...]) -> None:
    """An authority, the server's key and certificate in one file, and a key and certificate for each client."""
    authority = ec.generate_private_key(ec.SECP256R1())
    root = _signed("onsight test authority", authority, authority, "onsight test authority")
    (folder / "ca.pem").write_bytes(_pem(root))
    for name in ("server", *clients):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _pem(_signed(name, key, authority, "onsight test authority"))
        secret: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if name != "server":
            secret = serialization.BestAvailableEncryption(KEY_PASSWORD.encode())
        form = serialization.PrivateFormat.PKCS8
        private = key.private_bytes(serialization.Encoding.PEM, form, secret)
        if name == "server":
            (folder / "server.pem").write_bytes(private + certificate)
        else:
            (folder / f"{name}.key").write_bytes(private)
            (folder / f"{name}.crt").write_bytes(certificate)


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, authority: ec.EllipticCurvePrivateKey, issuer: str
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    made = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
    )
    return made.sign(authority, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def add_user(admin: KafkaAdminClient, user: str, password: str) -> None:
    added = UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password, 4096)
    assert admin.alter_user_scram_credentials([added]) == {user: None}


def allow(admin: KafkaAdminClient, user: str, rights: tuple[Right, ...]) -> None:
    """Give a user these rights, and no others."""
    admin.create_acls(
        [
            ACL(
                f"User:{user}",
                "*",
                ACLOperation[operation.upper()],
                ACLPermissionType.ALLOW,
                ResourcePattern(
                    ResourceType[right.resource.upper()],
                    right.name,
                    ACLResourcePatternType.PREFIXED if right.prefix else ACLResourcePatternType.LITERAL,
                ),
            )
            for right in rights
            for operation in right.operations
        ]
    )
