"""A second verifier, from docs/log-format.md alone: python verify_log.py FOLDER [VKEY]; exit code 0 or 1."""

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

STEPS = {  # (state of a call, event) -> its next state; ran: it may only be denied
    ("", "called"): "called", ("called", "judged allow"): "granted", ("called", "judged ask"): "ask",
    ("called", "judged deny"): "denied", ("ask", "asked"): "asked", ("asked", "answered yes"): "granted",
    ("asked", "answered no"): "denied", ("granted", "started"): "started", ("started", "finished"): "ran", ("ran", "called"): "again", ("again", "judged deny"): "ran",
}  # fmt: skip
FORMS = (("content", "salt", "seq"), ("sealed", "seq"), ("by", "erased", "seq"))


def check(holds: object, where: str, what: str) -> None:
    holds or sys.exit(print(f"verify: FAILED {where}: {what}") or 1)


def is_plain(value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(is_plain, inner)) and value is not None and not isinstance(value, float)


def root(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:  # pairs from the left, an odd last one as it is: RFC 6962, 2.1
        pairs = zip(leaves[::2], leaves[1::2], strict=False)
        hashed = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in pairs]
        leaves = hashed + leaves[len(leaves) // 2 * 2 :]
    return leaves[0] if leaves else hashlib.sha256(b"").digest()


def parse(data: bytes, file: str) -> tuple[list[dict], list[bytes], bytes]:
    *lines, torn = data.split(b"\n")
    found, leaves = [], [hashlib.sha256(b"\x00" + line).digest() for line in lines]
    for number, line in enumerate(lines, 1):
        try:
            found.append(json.loads(line))
        except ValueError:
            check(number == len(lines) and not torn, f"{file}:{number}", "does not parse")
            return found, leaves[:-1], line + b"\n"
        text = json.dumps(found[-1], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        check(text.encode() == line and is_plain(found[-1]), f"{file}:{number}", "is not canonical")
    return found, leaves, torn


def check_headers(headers: list[dict], leaves: list[bytes]) -> None:
    for number, header in enumerate(headers):
        where, before = f"events.jsonl:{number + 1}", leaves[number - 1] if number else bytes(32)
        right = (header["v"], header["seq"], header["sid"]) == (1, number, headers[0]["sid"])
        types = [type(header.get(name)) for name in ("v", "seq", "ts", "mono", "type")]
        check(right and types == [int] * 4 + [str], where, "has a wrong v, seq, sid, ts or type")
        check(header["prev"] == before.hex(), where, "its prev is not the line before's hash")


def check_bodies(bodies: list[dict], headers: list[dict], keys: bool) -> None:
    wanted, have = [h["seq"] for h in headers if "body" in h], [b["seq"] for b in bodies]
    check(have in (wanted, [*wanted, len(headers)]), "bodies.jsonl", "has other contents")
    for body in bodies[: len(wanted)]:
        seq, where = body["seq"], f"bodies.jsonl, event {body['seq']}"
        check(tuple(sorted(body)) in FORMS, where, "is neither open, sealed nor erased")
        if "content" in body:
            salt = base64.b64decode(body["salt"], validate=True)
            found = hmac.new(salt, body["content"].encode(), hashlib.sha256).hexdigest()
            check(len(salt) >= 16 and found == headers[seq]["body"], where, "is not its header's")
        elif "erased" in body:
            by, (first, last) = headers[body["by"]], headers[body["by"]].get("range", (1, 0))
            says = by["type"] == "log.erased" and first <= seq <= last and seq < body["by"]
            check(says, where, f"event {body['by']} does not say that it is erased")
        else:
            found = hashlib.sha256(body["sealed"].encode()).hexdigest()
            check(keys and headers[seq].get("sealed", found) == found, where, "was sealed anew")


def check_order(headers: list[dict], torn: bytes) -> None:
    calls, turn, ended = {}, None, False
    for header in headers:
        kind, where = header["type"], f"events.jsonl:{header['seq'] + 1}"
        group, _, step = kind.partition(".")
        ended = kind == "session.ended" or (ended and group in ("log", "review", "feedback"))
        if kind in ("turn.started", "turn.ended", "turn.cut", "session.ended"):
            left = ("started", "called", "again")[: 3 if kind == "turn.ended" else 1]
            fits = turn == (header["turn"] if kind in ("turn.ended", "turn.cut") else None)
            fits &= not set(left) & set(calls.values())
            check(fits, where, f"{kind}, but another turn is open or a call has not finished")
            turn, calls = header["turn"] if kind == "turn.started" else None, {}
        elif group in ("tool", "approval"):
            before, said = calls.get(header["call"], ""), header.get("decision", {}).get("effect")
            before *= step != "called" or before in ("ran", "started")  # else it may begin anew
            if step in ("judged", "answered"):
                step += f" {said if step == 'judged' else header['approval']['answer']}"
            check((before, step) in STEPS, where, f"{kind} of turn {header['turn']}: not now")
            calls[header["call"]] = STEPS[before, step]
    check(not (ended and torn), "events.jsonl", "is torn after the session's end")


def check_notes(text: str, vkey: str, sid: str, leaves: list[bytes], removed: bool) -> str:
    name, hex_id, encoded = vkey.strip().split("+", 2)
    parts, size, unchecked = text.split("\n\n"), 0, ""
    for head, signatures in zip(parts[:-1:2], parts[1::2], strict=False):
        origin, count, encoded_root, *more = head.split("\n")
        where, before, size = f"the signed note of {count} lines", size, int(count)
        right = origin.endswith(f"/{sid}") and parts[0].startswith(f"{origin}\n") and before <= size
        check(right, where, f"is not the next of {sid}")
        if not removed:
            same = size <= len(leaves) and root(leaves[:size]) == base64.b64decode(encoded_root)
            check(same, where, "is over other lines: they were cut or changed")
        mine = (one.split(" ")[2] for one in signatures.split("\n") if f"— {name} " in one)
        signature = base64.b64decode(next(mine, ""))
        check(signature[:4].hex() == hex_id, where, f"is not signed by {name}")
        try:
            from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415  (the one that is not Python's)

            key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
            key.verify(signature[4:], f"{head}\n".encode())
        except ModuleNotFoundError:
            unchecked = "; signatures not checked"
        except Exception as error:
            check(False, where, f"its signature is not good ({type(error).__name__})")
    torn = "" if len(parts) % 2 and not parts[-1] else "; the last checkpoint is torn"
    if not removed:
        return f"{len(leaves) - size} lines after the last checkpoint{torn}{unchecked}"
    check(not torn and len(parts) == 3 and more, "tombstone", "is no signed note of a removal")
    return f"removed: {parts[0].split('reason ')[1]}{unchecked}"


def main(folder: Path, vkey: str = "") -> None:
    try:
        files = {one.name: one.read_bytes() for one in folder.iterdir()}
        headers, leaves, torn = parse(files.get("events.jsonl", b""), "events.jsonl")
        check_headers(headers, leaves)
        bodies, _, torn_body = parse(files.get("bodies.jsonl", b""), "bodies.jsonl")
        check_bodies(bodies, headers, "keys.age" in files)
        check_order(headers, torn)
        name, note = folder.resolve().name, "no checkpoints"
        sid = headers[0]["sid"] if headers else name
        check(name == sid or len(name) != 26, "events.jsonl", f"is of {sid}, not of {name}")
        removed = not headers and "tombstone" in files
        if signed := files.get("tombstone" if removed else "checkpoints", b"").decode():
            note = check_notes(signed, vkey or files["device.vkey"].decode(), sid, leaves, removed)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OSError) as error:
        check(False, str(folder), repr(error))
    print(f"verify: ok {sid} {len(headers)} events; {note}", "; torn" * bool(torn or torn_body))


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python verify_log.py FOLDER-OF-ONE-SESSION [VKEY]")
    main(Path(sys.argv[1]), *sys.argv[2:])
