"""Keys of people who sign, where they really are: a PKCS#11 token (SoftHSM), a key service, files sealed by age for others' tools."""

import base64
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from devagent.cli.bundle import shared
from devagent.cli.entry import run_command_line
from devagent.core.errors import ConfigError
from devagent.org.keys import KeyFolder, new_identity
from tests.support.age_files import sealed_cheaply
from tests.support.org_machine import org_folders

PIN = "correct-horse-4"
LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A token with two keys on P-256, 1 and 2; its label."""
    library = next((one for one in LIBRARIES if os.path.exists(one)), "")
    if not library or not shutil.which("softhsm2-util"):
        if os.environ.get("CI"):
            pytest.fail("SoftHSM is not installed: .ci/run installs it")
        pytest.skip("SoftHSM is not installed")
    pkcs11 = pytest.importorskip("pkcs11")
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        patched.setenv("PYKCS11LIB", library)
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", "acme", "--pin", PIN, "--so-pin", PIN],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        made = pkcs11.lib(library).get_token(token_label="acme")
        with made.open(user_pin=PIN, rw=True) as session:
            for number in (1, 2):
                curve = session.create_domain_parameters(
                    pkcs11.KeyType.EC,
                    {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")},
                    local=True,
                )  # fmt: skip
                curve.generate_keypair(store=True, id=bytes([number]), label=f"key {number}")
        yield "acme"


class Kms(http.server.BaseHTTPRequestHandler):
    """What AWS KMS answers to GetPublicKey and Sign, of one key."""

    private: Any = ec.generate_private_key(ec.SECP256R1())
    algorithms: tuple[str, ...] = ("ECDSA_SHA_256",)
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        target = self.headers["x-amz-target"].partition(".")[2]
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(target)
        answer: dict[str, Any] = {"KeyId": asked["KeyId"]}
        if target == "GetPublicKey":
            der = self.private.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
            answer |= {
                "PublicKey": base64.b64encode(der).decode(),
                "KeyUsage": "SIGN_VERIFY",
                "SigningAlgorithms": self.algorithms,
            }
        elif target == "Sign":
            assert (asked["MessageType"], asked["SigningAlgorithm"]) == ("DIGEST", "ECDSA_SHA_256")
            made = self.private.sign(
                base64.b64decode(asked["Message"]), ec.ECDSA(utils.Prehashed(SHA256()))
            )
            answer["Signature"] = base64.b64encode(made).decode()
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Kms]]:
    """A key service on loopback, named as AWS's own tools name one."""
    pytest.importorskip("boto3")

    class Service(Kms):
        asked: ClassVar[list[str]] = []

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-no-use")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield Service
    server.shutdown()
    server.server_close()
    thread.join(20)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose secrets were asked for at the terminal; each gets the PIN."""
    found: list[str] = []

    def answer(name: str) -> str:
        found.append(name)
        return PIN

    monkeypatch.setattr(shared, "asked_passphrase", answer)
    monkeypatch.setattr("devagent.cli.bundle.init.asked_passphrase", answer)
    return found


def test_a_token_and_a_key_service_sign_a_policy_from_init_to_a_machine(
    token: str,
    kms: type[Kms],
    asked: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    org_folders(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path(os.environ["DEVAGENT_HOME"], "sessions").mkdir(parents=True)
    cold = new_identity("cold.key")
    monkeypatch.setenv("DEVAGENT_IDENTITY", str(tmp_path / "cold.key"))

    def devagent(line: str) -> str:
        assert run_command_line(line.split()) == 0, line
        return capsys.readouterr().out

    devagent(
        f"bundle init policy --org acme --ci {cold} --person ana=hsm:2?label={token} --root-key ana=hsm:1?label={token}"
        f" --person bo=awskms:alias/policy --root-key bo={cold} --person cy={cold}"
    )
    monkeypatch.chdir("policy")
    listed = Path("keys.toml").read_text()
    assert f'uri = "hsm:2?label={token}"' in listed
    assert 'uri = "awskms:alias/policy"' in listed
    assert PIN not in listed
    assert not Path("keys/ana.age").exists()
    assert not Path("keys/bo.age").exists()
    devagent("bundle build --as cy")
    for environment in ("dev", "test"):
        devagent(f"bundle promote {environment} --as ana")
        devagent("bundle publish")
    devagent("bundle promote prod --as ana --replay all")
    devagent("bundle approve --as bo --yes")
    devagent("bundle publish")
    verified = devagent("bundle verify")
    assert "prod: revision 1" in verified
    assert "approved by ana, bo" in verified
    assert kms.asked.count("Sign") >= 2
    assert set(asked) == {"the token (pin)"}
    first = hashlib.sha256(Path("published/metadata/1.root.json").read_bytes()).hexdigest()
    assert "updated: revision 1" in devagent(f"org join {tmp_path}/policy/published --org acme --root-sha256 {first}")  # fmt: skip
    # A token is lost. Its owner does not get somebody else's key, and signs with another of the service from here on.
    assert (
        run_command_line(["bundle", "keys", "rotate", "ana", "--for", "awskms:alias/policy"]) == 2
    )
    kms.private = ec.generate_private_key(ec.SECP256R1())
    devagent("bundle keys rotate ana --for awskms:alias/second")
    assert "awskms:alias/second" in Path("keys.toml").read_text()


def test_two_people_do_not_share_a_key(
    kms: type[Kms], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kms.asked == []
    cold = new_identity(str(tmp_path / "cold.key"))
    line = (
        f"bundle init {tmp_path}/policy --org acme --ci {cold} --person ana=awskms:alias/a --root-key ana={cold}"
        f" --person bo=awskms:alias/a --root-key bo={cold}"
    )
    assert run_command_line(line.split()) == 2
    assert "one and the same key" in capsys.readouterr().err


def test_a_wrong_pin_signs_nothing(token: str, tmp_path: Path) -> None:
    folder = KeyFolder(str(tmp_path), passphrase=lambda name: PIN)
    public = folder.named(f"hsm:2?label={token}", "ana")
    wrong = KeyFolder(str(tmp_path), passphrase=lambda name: "0000")
    with pytest.raises(ConfigError, match="the key hsm:… cannot be used"):
        wrong.signer(f"hsm:2?label={token}", public).sign(b"text")


def test_a_key_of_a_kind_that_machines_do_not_verify_is_refused_at_once(
    tmp_path: Path, kms: type[Kms]
) -> None:
    kms.algorithms = ("RSASSA_PSS_SHA_256",)
    with pytest.raises(ConfigError, match="awskms:… cannot be used"):
        KeyFolder(str(tmp_path)).named("awskms:alias/rsa", "ana")
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / "rsa.pem").write_bytes(pem)
    with pytest.raises(ConfigError, match="which machines do not verify"):
        KeyFolder(str(tmp_path)).named(f"file2:{tmp_path / 'rsa.pem'}", "ana")


def test_a_pem_of_ci_signs(tmp_path: Path) -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ci.pem").write_bytes(
        made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    uri = f"file2:{tmp_path / 'ci.pem'}"
    folder = KeyFolder(str(tmp_path))
    public = folder.named(uri, "ci")
    public.verify_signature(folder.signer(uri, public).sign(b"text"), b"text")


def test_a_key_file_for_a_recipient_is_ages_own_form(tmp_path: Path) -> None:
    """Opened here by the age library itself, and not by devagent."""
    pyrage: Any = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    KeyFolder(str(tmp_path)).new("ana", "ana", recipients=[str(identity.to_public())])
    assert len(pyrage.decrypt((tmp_path / "ana.age").read_bytes(), [identity])) == 32


def test_a_key_file_for_a_passphrase_opens_for_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed at a cost that a test can pay, where no variable asks for the library's own; opened by the library always."""
    if not os.environ.get("DEVAGENT_TEST_AGE_COST"):
        pyrage: Any = pytest.importorskip("pyrage")
        monkeypatch.setattr(pyrage.passphrase, "encrypt", sealed_cheaply)
    words = "four plain words here"
    public = KeyFolder(str(tmp_path)).new("ana", "ana", recipients=[], passphrase=words)
    sealed = (tmp_path / "ana.age").read_bytes()
    assert sealed.startswith(b"age-encryption.org/v1\n-> scrypt ")
    folder = KeyFolder(str(tmp_path), passphrase=lambda name: words)
    public.verify_signature(folder.signer("age:ana.age", public).sign(b"text"), b"text")
    with pytest.raises(ConfigError, match="nothing here opens it"):
        KeyFolder(str(tmp_path)).signer("age:ana.age", public)
    wrong = KeyFolder(str(tmp_path), passphrase=lambda name: "four plain words there")
    with pytest.raises(ConfigError, match="cannot be opened"):
        wrong.signer("age:ana.age", public)
