"""Verifies a journal by the text of docs/journal-format.md alone: python3 verify.py DIRECTORY. Needs `blake3`."""
import json, pathlib, re, sys
from blake3 import blake3

LINE = re.compile(rb'\{"pos":([1-9][0-9]{0,15}),.*,"chain":"([0-9a-f]{64})"\}\n', re.DOTALL)
ENDING = re.compile(rb',"chain":"[0-9a-f]{64}"\}')


def verify(directory):
    """The last good position, the chain behind it, and whether what comes next is bad."""
    manifest = json.loads((directory / "journal.json").read_bytes())
    starts = {start["first"]: start.get("chain") for start in manifest["segments"]}
    named = [path for path in (directory / "segments").iterdir() if re.fullmatch(r"\d{20}\.jsonl", path.name)]
    files = {int(path.name[:20]): path for path in named if 0 < int(path.name[:20]) < 2**53}
    last, chain = min(files, default=1) - 1, None
    for first in sorted(files.keys() | {listed for listed in starts if listed > last}):
        if first not in files:
            is_newest = first == max(starts) and (directory / f"segments/{first:020}.jsonl.tmp").exists()
            return last, chain, not is_newest
        start = bytes.fromhex(starts.get(first) or "")
        if start and (first == 1 and start != blake3(manifest["id"].encode()).digest() or chain and chain != start):
            return last, chain, True
        following = min((other for other in files if other > first), default=2**53)
        seen, link = last, chain = last, chain or start
        for line in re.findall(rb"[^\n]*\n|[^\n]+", files[first].read_bytes()):
            match = LINE.fullmatch(line)
            if not line.endswith(b"\n") and not ENDING.search(line):
                break  # an unfinished write
            if not match or len(line) > 1 << 20 or not max(seen, first - 1) < int(match[1]) < 2**53:
                return last, chain, True
            seen, before, link = int(match[1]), link, bytes.fromhex(match[2].decode())
            if before and blake3(before + blake3(line[:-77]).digest()).digest() != link:
                return last, chain, True
            last, chain = (seen, link) if seen < following else (last, chain)
    return last, chain, False


last, chain, is_bad = verify(pathlib.Path(sys.argv[1]))
print(f"bad behind {last}" if is_bad else f"intact up to {last}, chain {chain.hex() if chain else 'none'}")
sys.exit(is_bad)
