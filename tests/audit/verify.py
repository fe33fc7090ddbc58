"""Verifies a journal by its heads, and proofs of single lines, by the text of docs/audit.md and docs/journal-format.md
alone, with nothing but Python's own library.

python3 verify.py DIRECTORY PUBLIC_KEY [NUMBER:HASH of a head kept elsewhere]
python3 verify.py --proof FILE PUBLIC_KEY
"""
import hashlib, json, pathlib, re, struct, sys

# BLAKE3, as its paper tells it.
IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
MIXES = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
START, END, PARENT, ROOT, M32 = 1, 2, 4, 8, 0xFFFFFFFF


def compress(chain, block, counter, flags):
    words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    v = chain + IV[:4] + [counter & M32, counter >> 32, len(block), flags]
    for _ in range(7):
        for mix, (a, b, c, d) in enumerate(MIXES):
            for word, one, other in ((words[2 * mix], 16, 12), (words[2 * mix + 1], 8, 7)):
                v[a] = v[a] + v[b] + word & M32
                v[d] = (v[d] ^ v[a]) >> one | (v[d] ^ v[a]) << 32 - one & M32
                v[c] = v[c] + v[d] & M32
                v[b] = (v[b] ^ v[c]) >> other | (v[b] ^ v[c]) << 32 - other & M32
        words = [words[place] for place in ORDER]
    return [v[place] ^ v[place + 8] for place in range(8)]


def blake3(data, counter=0, root=ROOT):
    if len(data) <= 1024:
        blocks, chain = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""], IV
        for place, block in enumerate(blocks):
            last = place == len(blocks) - 1
            chain = compress(chain, block, counter, START * (place == 0) | (END | root) * last)
        return struct.pack("<8I", *chain)
    left = 1024 << ((len(data) - 1) // 1024).bit_length() - 1
    both = blake3(data[:left], counter, 0) + blake3(data[left:], counter + left // 1024, 0)
    return struct.pack("<8I", *compress(IV, both, 0, PARENT | root))


# Ed25519, as RFC 8032 tells it.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(one, other):
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    result = (0, 1, 1, 0)
    while number:
        result, point, number = add(result, point) if number & 1 else result, add(point, point), number >> 1
    return result


def point(data):
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x if (x * x - x2) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - x2) % P or x == 0 and sign:
        raise ValueError("no point")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


def same(one, other):
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 == (one[1] * other[2] - other[1] * one[2]) % P


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def has_signed(key, message, signature):
    try:
        a, r = point(key), point(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    is_weak = any(same(times(8, weak), (0, 1, 1, 0)) for weak in (a, r))
    return s < L and not is_weak and same(times(s, BASE), add(r, times(k, a)))


class Changed(Exception):
    pass


def demand(holds, what):
    if not holds:
        raise Changed(what)


# Heads.
KEYS = ["format", "number", "journal", "from", "position", "count", "before", "chain", "root", "time", "previous", "key"]
HEAD = re.compile(r'(\{.*),"signature":"([0-9a-f]{128})"\}', re.DOTALL)


class Head:
    def __init__(self, text, key, name):
        match = HEAD.fullmatch(text)
        demand(match, f"{name} is no head")
        signed = b"agentbus head 1\n" + match[1].encode()
        try:
            self.said = json.loads(match[1] + "}")
        except ValueError:
            raise Changed(f"{name} is no head")
        demand(list(self.said) == KEYS and self.said["format"] == 1, f"{name} is no head")
        demand(self.said["key"] == key.hex(), f"{name} is signed with another key")
        demand(has_signed(key, signed, bytes.fromhex(match[2])), f"{name} has no good signature")
        self.hash = blake3(signed).hex()

    def __getattr__(self, key):
        return self.said[key]


def root(leaves):
    if len(leaves) < 2:
        return blake3(b"\0" + leaves[0]) if leaves else blake3(b"")
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return blake3(b"\1" + root(leaves[:k]) + root(leaves[k:]))


def read_heads(directory, key, journal):
    names = [path.name for path in (directory / "heads").glob("*.json") if re.fullmatch(r"\d{20}\.json", path.name)]
    heads = []
    for number, name in enumerate(sorted(names), 1):
        demand(int(name[:20]) == number, f"head {number} is missing")
        demand((directory / "heads" / name).is_file(), f"{name} is no head")
        text = (directory / "heads" / name).read_bytes().decode("utf-8", "replace")
        demand(text.endswith("\n"), f"{name} is no head")
        head = Head(text[:-1], key, name)
        demand(head.number == number and head.journal == journal, f"{name} is another head")
        before = heads[-1] if heads else None
        demand(head.previous == (before.hash if before else blake3(journal.encode()).hex()), f"{name} does not go on")
        beside = not before or head.said["from"] == before.position + 1 and head.before == before.chain
        demand(beside or head.said["from"] > before.position + 1, f"{name} does not go on")
        heads.append(head)
    demand(heads, "there is no head")
    return heads


# The chain.
LINE = re.compile(rb'\{"pos":([1-9][0-9]{0,15}),.*,"chain":"([0-9a-f]{64})"\}\n', re.DOTALL)
ENDING = re.compile(rb',"chain":"[0-9a-f]{64}"\}')


def read_lines(directory, manifest):
    """The lines that count: position, leaf, chain; and the first position of the oldest segment."""
    starts = {start["first"]: start.get("chain") for start in manifest["segments"]}
    named = [path for path in (directory / "segments").iterdir() if re.fullmatch(r"\d{20}\.jsonl", path.name)]
    files = {int(path.name[:20]): path for path in named if 0 < int(path.name[:20]) < 2**53}
    lines, last, chain = [], min(files, default=1) - 1, None
    for first in sorted(files.keys() | {listed for listed in starts if listed > last}):
        if first not in files:
            is_newest = first == max(starts) and (directory / f"segments/{first:020}.jsonl.tmp").exists()
            demand(is_newest, f"segment {first} is missing")
            break
        start = bytes.fromhex(starts.get(first) or "")
        is_other = start and (first == 1 and start != blake3(manifest["id"].encode()) or chain and chain != start)
        demand(not is_other, f"segment {first} does not go on from {last}")
        following = min((other for other in files if other > first), default=2**53)
        seen, link = last, chain = last, chain or start
        for line in re.findall(rb"[^\n]*\n|[^\n]+", files[first].read_bytes()):
            match = LINE.fullmatch(line)
            if not line.endswith(b"\n") and not ENDING.search(line):
                break  # an unfinished write
            demand(match and len(line) <= 1 << 20 and max(seen, first - 1) < int(match[1]) < 2**53, f"bad line behind {last}")
            seen, before, link, leaf = int(match[1]), link, bytes.fromhex(match[2].decode()), blake3(line[:-77])
            demand(not before or blake3(before + leaf) == link, f"bad chain behind {last}")
            if seen < following:
                last, chain = seen, link
                lines.append((seen, leaf, link, bool(before)))
    return lines, min(files, default=1)


def verify(directory, key, kept):
    try:
        manifest = json.loads((directory / "journal.json").read_bytes())
        demand(manifest["format"] == 1, "journal.json is none")
        lines, oldest = read_lines(directory, manifest)
    except (ValueError, KeyError, TypeError, OSError, AttributeError):
        raise Changed("journal.json is none")
    heads = read_heads(directory, key, manifest["id"])
    chains = {position: chain for position, _, chain, _ in lines}
    for head in heads:
        own = [line for line in lines if head.said["from"] <= line[0] <= head.position]
        if head.position == 0 or oldest > head.position:
            continue
        demand(head.position in chains, f"lines are missing up to {head.position}")
        demand(chains[head.position].hex() == head.chain, f"lines up to {head.position} were rewritten")
        if oldest <= head.said["from"]:
            fits = len(own) == head.count and root([leaf for _, leaf, _, _ in own]).hex() == head.root
            demand(fits, f"the lines of head {head.number} were rewritten")
        else:
            demand(own[0][3], f"line {own[0][0]} is not proven")
    if kept:
        demand(kept in [f"{head.number}:{head.hash}" for head in heads], "the head kept elsewhere is not there")
    behind = sum(position > heads[-1].position for position in chains)
    return f"proven up to {heads[-1].position} by head {heads[-1].number}, {behind} behind it"


def only(keys):
    def check(pairs):
        demand([key for key, _ in sorted(pairs)] == sorted(keys), "it is no proof")
        return dict(pairs)
    return check


# Of JSON, where `true` and `1.0` are no numbers of this format.
KINDS = {"format": int, "line": str, "place": int, "path": list, "head": str}


def check_proof(text, key):
    try:
        proof = json.loads(text.decode(), object_pairs_hook=only(KINDS))
    except ValueError:
        raise Changed("it is no proof")
    fits = type(proof) is dict and all(type(proof[key]) is kind for key, kind in KINDS.items())
    demand(fits and proof["format"] == 1, "it is no proof")
    demand(all(type(one) is str and re.fullmatch("[0-9a-f]{64}", one) for one in proof["path"]), "it is no proof")
    demand("\n" not in proof["line"] + proof["head"], "it is no proof")
    head, at = Head(proof["head"], key, "its head"), proof["place"]
    line, last = proof["line"].encode(), head.count - 1
    demand(0 <= at <= last, "it is elsewhere")
    hash = blake3(b"\0" + blake3(line))
    for beside in map(bytes.fromhex, proof["path"]):
        demand(last > 0, "the path is too long")
        if at & 1 or at == last:
            hash = blake3(b"\1" + beside + hash)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hash = blake3(b"\1" + hash + beside)
        at, last = at >> 1, last >> 1
    demand(last == 0 and hash.hex() == head.root, "the path leads elsewhere")
    position = re.match(rb'\{"pos":([1-9][0-9]{0,15}),', line)
    demand(position and head.said["from"] <= int(position[1]) <= head.position, "it is elsewhere")
    return f"proven: position {int(position[1])} by head {head.number}"


try:
    *what, public = sys.argv[1:3] if sys.argv[1] != "--proof" else sys.argv[2:4]
    key = bytes.fromhex(public.removeprefix("agentbus-ed25519-public:"))
    if sys.argv[1] == "--proof":
        print(check_proof(pathlib.Path(what[0]).read_bytes(), key))
    else:
        print(verify(pathlib.Path(what[0]), key, sys.argv[3] if len(sys.argv) > 3 else None))
except Changed as changed:
    print(f"changed: {changed}")
    sys.exit(1)
