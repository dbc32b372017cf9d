"""A second verifier of session logs, written from docs/log-format.md: python verify_log.py FOLDER [VKEY]

Standard library; signatures need ``cryptography``, else they are said to be unchecked. Exit code 0 or 1."""

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

STEPS = {  # (state of a call, event) -> its next state; ran: it may only be denied again
    ("", "called"): "called", ("called", "judged"): "judged", ("allow", "started"): "started", ("ask", "asked"): "asked",
    ("asked", "answered"): "answered", ("yes", "started"): "started", ("started", "finished"): "ran",
    ("ran", "called"): "again", ("again", "judged"): "judged again",
}  # fmt: skip
FORMS = (("content", "salt", "seq"), ("sealed", "seq"), ("by", "erased", "seq"))


def check(holds: object, where: str, what: str) -> None:
    if not holds:
        sys.exit(print(f"verify: FAILED {where}: {what}") or 1)


def is_plain(value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(is_plain, inner)) and value is not None and not isinstance(value, float)


def root(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:  # pairs from the left, an odd last one as it is: RFC 6962, 2.1
        pairs = zip(leaves[::2], leaves[1::2], strict=False)
        hashed = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in pairs]
        leaves = hashed + leaves[len(leaves) // 2 * 2 :]
    return leaves[0] if leaves else hashlib.sha256(b"").digest()


def check_headers(lines: list[bytes], torn: bytes) -> tuple[list[dict], list[bytes], bytes]:
    headers, leaves = [], [bytes(32)]  # the first line's prev is 64 zeros
    for number, line in enumerate(lines):
        where = f"events.jsonl:{number + 1}"
        try:
            header = json.loads(line)
        except ValueError:
            check(number == len(lines) - 1 and not torn, where, "does not parse")
            return headers, leaves[1:], line
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        check(text.encode() == line and is_plain(header), where, "is not canonical")
        headers.append(header)
        right = (header["v"], header["seq"], header["sid"]) == (1, number, headers[0]["sid"])
        check(right, where, "has the wrong v, seq or sid")
        check(header["prev"] == leaves[-1].hex(), where, "its prev is not the line before's hash")
        leaves.append(hashlib.sha256(b"\x00" + line).digest())
    return headers, leaves[1:], torn


def check_bodies(bodies: list[dict], headers: list[dict], keys: bool) -> None:
    wanted, have = [h["seq"] for h in headers if "body" in h], [b["seq"] for b in bodies]
    check(have in (wanted, [*wanted, len(headers)]), "bodies.jsonl", "has other contents")
    for body in bodies[: len(wanted)]:
        seq, where = body["seq"], f"bodies.jsonl, event {body['seq']}"
        check(tuple(sorted(body)) in FORMS, where, "is neither open, sealed nor erased")
        if "content" in body:
            salt = base64.b64decode(body["salt"], validate=True)
            found = hmac.new(salt, body["content"].encode(), hashlib.sha256).hexdigest()
            check(found == headers[seq]["body"], where, "is not what its header commits to")
        elif "erased" in body:
            by = headers[body["by"]]
            says = by["type"] == "log.erased" and by["range"][0] <= seq <= by["range"][1]
            check(says, where, f"event {body['by']} does not say that it is erased")
        else:
            found = hashlib.sha256(body["sealed"].encode()).hexdigest()
            check(keys and headers[seq].get("sealed", found) == found, where, "was sealed anew")


def check_order(headers: list[dict]) -> None:
    calls, turn = {}, None
    for header in headers:
        kind, where = header["type"], f"events.jsonl:{header['seq'] + 1}"
        group, _, step = kind.partition(".")
        if kind in ("turn.started", "turn.ended", "turn.cut"):
            fits = turn == (None if step == "started" else header["turn"])
            fits &= "started" not in calls.values()
            check(fits, where, f"{kind}, but another turn is open or a call has not finished")
            turn, calls = header["turn"] if step == "started" else None, {}
        elif group in ("tool", "approval"):
            before = calls.get(header["call"], "")
            if step == "called" and before not in ("ran", "started"):
                before = ""  # a call that never ran may begin anew
            check((before, step) in STEPS, where, f"{kind} after {before or 'nothing'}")
            after = STEPS[before, step]
            if step == "judged":
                effect, again = header["decision"]["effect"], after == "judged again"
                check(not again or effect == "deny", where, "a call that ran is not denied")
                after = "ran" if again else effect
            calls[header["call"]] = header["approval"]["answer"] if step == "answered" else after


def check_notes(text: str, vkey: str, sid: str, leaves: list[bytes] | None) -> str:
    name, hex_id, encoded = vkey.split("+", 2)
    parts, size, unchecked = text.split("\n\n"), 0, ""
    for head, signatures in zip(parts[:-1:2], parts[1::2], strict=False):
        origin, count, encoded_root, *more = head.split("\n")
        where, before, size = f"the signed note of {count} lines", size, int(count)
        check(origin.endswith(f"/{sid}") and before <= size, where, f"is not the next of {sid}")
        if leaves is not None:
            same = size <= len(leaves) and root(leaves[:size]) == base64.b64decode(encoded_root)
            check(same, where, "is over other lines: they were cut or changed")
        mine = (one.split(" ")[2] for one in signatures.split("\n") if f"— {name} " in one)
        signature = base64.b64decode(next(mine, ""))
        check(signature[:4].hex() == hex_id, where, f"is not signed by {name}")
        try:
            from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

            key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
            key.verify(signature[4:], f"{head}\n".encode())
        except ModuleNotFoundError:
            unchecked = "; signatures not checked"
        except Exception as error:
            check(False, where, f"its signature is not good ({type(error).__name__})")
    torn = "" if len(parts) % 2 and not parts[-1] else "; the last checkpoint is torn"
    if leaves is not None:
        return f"{len(leaves) - size} lines after the last checkpoint{torn}{unchecked}"
    check(not torn and len(parts) == 3 and more, "tombstone", "is no signed note of a removal")
    return f"removed: {parts[0].split('reason ')[1]}{unchecked}"


def main(folder: Path, vkey: str = "") -> None:
    try:
        files = {one.name: one.read_bytes() for one in folder.iterdir()}
        *lines, torn = files.get("events.jsonl", b"").split(b"\n")
        headers, leaves, torn = check_headers(lines, torn)
        *lines, torn_body = files.get("bodies.jsonl", b"").split(b"\n")
        check_bodies(list(map(json.loads, lines)), headers, "keys.age" in files)
        check_order(headers)
        sid, note = headers[0]["sid"] if headers else folder.name, "no checkpoints"
        name = folder.resolve().name  # 26 letters and digits: a session's
        check(name == sid or len(name) != 26, "events.jsonl", f"is of {sid}, not of {name}")
        removed = not headers and "tombstone" in files
        if signed := files.get("tombstone" if removed else "checkpoints", b"").decode():
            vkey = vkey or files["device.vkey"].decode().strip()
            note = check_notes(signed, vkey, sid, None if removed else leaves)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OSError) as error:
        check(False, str(folder), repr(error))
    print(f"verify: ok {sid} {len(headers)} events; {note}", "; torn" * bool(torn or torn_body))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
