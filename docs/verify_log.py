"""A second verifier of devagent's session logs, written from docs/log-format.md alone.

    python docs/verify_log.py FOLDER [VKEY]

Standard library only; it shares no code with devagent. Signatures need the ``cryptography`` package and are
said to be unchecked without it. The first line is ``verify: ok`` or ``verify: FAILED``; the exit code 0 or 1.
"""

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

STEPS = {  # (state of a call, event) -> its next state; ran: it may only be denied again
    ("", "called"): "called",
    ("called", "judged"): "judged",
    ("allow", "started"): "started",
    ("ask", "asked"): "asked",
    ("asked", "answered"): "answered",
    ("yes", "started"): "started",
    ("started", "finished"): "ran",
    ("ran", "called"): "again",
    ("again", "judged"): "judged again",
}
FORMS = (("content", "salt", "seq"), ("seq", "sealed"), ("by", "erased", "seq"))


def bad(where: str, what: str) -> None:
    raise SystemExit(f"verify: FAILED {where}: {what}")


def lines_of(path: Path) -> tuple[list[bytes], bytes]:
    *lines, torn = (path.read_bytes() if path.exists() else b"").split(b"\n")
    return lines, torn


def is_plain(value: object) -> bool:
    if isinstance(value, dict | list):
        return all(map(is_plain, value.values() if isinstance(value, dict) else value))
    return value is not None and not isinstance(value, float)


def root(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:  # pairs from the left, an odd last one as it is: RFC 6962, 2.1
        pairs = zip(leaves[::2], leaves[1::2], strict=False)
        odd = leaves[len(leaves) // 2 * 2 :]
        leaves = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in pairs] + odd
    return leaves[0] if leaves else hashlib.sha256(b"").digest()


def check_headers(folder: Path) -> tuple[list[dict], list[bytes], bytes]:
    lines, torn = lines_of(folder / "events.jsonl")
    headers, leaves, sid = [], [], ""
    for number, line in enumerate(lines):
        where = f"events.jsonl:{number + 1}"
        try:
            header = json.loads(line)
        except ValueError:
            if number < len(lines) - 1 or torn:
                bad(where, "does not parse")
            torn = line
            break
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if text.encode() != line or not is_plain(header):
            bad(where, "is not canonical")
        sid = sid or header["sid"]
        if (header["v"], header["seq"], header["sid"]) != (1, number, sid):
            bad(where, "has the wrong v, seq or sid")
        if header["prev"] != (leaves[-1].hex() if leaves else "0" * 64):
            bad(where, "its prev is not the hash of the line before")
        leaves.append(hashlib.sha256(b"\x00" + line).digest())
        headers.append(header)
    return headers, leaves, torn


def check_bodies(folder: Path, headers: list[dict]) -> bytes:
    lines, torn = lines_of(folder / "bodies.jsonl")
    bodies = [json.loads(line) for line in lines]
    wanted = [header["seq"] for header in headers if "body" in header]
    seqs = [body["seq"] for body in bodies]
    if seqs[: len(wanted)] != wanted or seqs[len(wanted) :] not in ([], [len(headers)]):
        bad("bodies.jsonl", "is not the content of these headers, line for line")
    for body in bodies[: len(wanted)]:
        seq, where = body["seq"], f"bodies.jsonl, event {body['seq']}"
        if tuple(sorted(body)) not in FORMS:
            bad(where, "is neither open, sealed nor erased")
        if "content" in body:
            salt = base64.b64decode(body["salt"], validate=True)
            found = hmac.new(salt, body["content"].encode(), hashlib.sha256).hexdigest()
            if found != headers[seq]["body"]:
                bad(where, "is not what its header commits to")
        elif "erased" in body:
            first, last = headers[body["by"]].get("range", (1, 0))
            if headers[body["by"]]["type"] != "log.erased" or not first <= seq <= last:
                bad(where, f"event {body['by']} does not say that it is erased")
    return torn


def check_order(headers: list[dict]) -> None:
    calls, turn = {}, None
    for header in headers:
        kind, where = header["type"], f"events.jsonl:{header['seq'] + 1}"
        group, _, step = kind.partition(".")
        if kind in ("turn.started", "turn.ended", "turn.cut"):
            if (
                turn != (None if step == "started" else header["turn"])
                or "started" in calls.values()
            ):
                bad(where, f"{kind}, but another turn is open or a call has not finished")
            turn, calls = (header["turn"] if step == "started" else None), {}
        elif group in ("tool", "approval"):
            before = calls.get(header["call"], "")
            if step == "called" and before not in ("ran", "started"):
                before = ""  # a call that never ran may begin anew
            after = STEPS.get((before, step)) or bad(where, f"{kind} after {before or 'nothing'}")
            if step == "judged":
                effect = header["decision"]["effect"]
                if after == "judged again" and effect != "deny":
                    bad(where, "a call that ran is not denied")
                after = "ran" if after == "judged again" else effect
            calls[header["call"]] = header["approval"]["answer"] if step == "answered" else after


def check_checkpoints(folder: Path, leaves: list[bytes], sid: str, given: str) -> str:
    if not (folder / "checkpoints").exists():
        return "no checkpoints: a changed end would not show"
    name, hex_id, encoded = (given or (folder / "device.vkey").read_text().strip()).split("+", 2)
    parts, size = (folder / "checkpoints").read_text().split("\n\n"), 0
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
    except ModuleNotFoundError:
        key = None
    for text, signatures in zip(parts[:-1:2], parts[1::2], strict=False):
        origin, count, head = text.split("\n")
        where = f"checkpoints, the one of {count} lines"
        if not origin.endswith(f"/{sid}") or not size <= int(count) <= len(leaves):
            bad(where, f"does not fit {len(leaves)} lines of {sid}")
        size = int(count)
        if base64.b64decode(head) != root(leaves[:size]):
            bad(where, "its root is another one")
        mine = [line.split(" ")[2] for line in signatures.split("\n") if f"— {name} " in line]
        signed = base64.b64decode(mine[0]) if mine else b""
        if signed[:4].hex() != hex_id:
            bad(where, f"is not signed by {name}")
        if key:
            try:
                key.verify(signed[4:], f"{text}\n".encode())
            except Exception as error:
                bad(where, f"its signature is not good ({type(error).__name__})")
    torn = "" if len(parts) % 2 and not parts[-1] else "; the last checkpoint is torn"
    torn += "" if key else "; signatures not checked"
    return f"{len(leaves) - size} lines after the last checkpoint{torn}"


def main(folder: Path, given: str = "") -> None:
    try:
        headers, leaves, torn = check_headers(folder)
        torn = check_bodies(folder, headers) or torn
        check_order(headers)
        sid = headers[0]["sid"] if headers else folder.name
        note = check_checkpoints(folder, leaves, sid, given)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OSError) as error:
        bad(str(folder), repr(error))
    note += f"; torn: {len(torn)} bytes" if torn else ""
    sys.stdout.write(f"verify: ok {sid} {len(headers)} events; {note}\n")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except SystemExit as failed:
        sys.stdout.write(f"{failed}\n")
        sys.exit(1)
