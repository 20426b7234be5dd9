#!/usr/bin/env python3
"""Decodes codes without wgvq: python3 read_wgvq.py MODEL.safetensors CODES.npy|CODES.wgvq OUT.npy

This is FORMAT.md in numpy, for models of every kind, written to be read and not to be fast: packed codes take some
microseconds each. Checksums are checked where the package xxhash is installed."""
import bisect, heapq, itertools, json, math, re, struct, sys
import numpy as np
try:  # numpy has no XXH3
    from xxhash import xxh3_128_intdigest as checksum
except ImportError:
    checksum = None
    print("checksums are not checked: the package xxhash is not installed", file=sys.stderr)

class Bits:  # numbers in a string of bits, least significant first
    def __init__(self, data):
        self.data, self.at = data, 0
    def read(self, width):
        start, self.at = self.at, self.at + width
        assert self.at <= 8 * len(self.data), "the codes end too early; the file is damaged"
        return int.from_bytes(self.data[start >> 3:self.at + 7 >> 3], "little") >> (start & 7) & (1 << width) - 1
    def unary(self):
        return 0 if self.read(1) else 1 + self.unary()
    def number(self, order):  # in exp-Golomb code
        bits = order + self.unary()
        return self.read(bits) + (1 << bits) - (1 << order)

width = lambda k: (k - 1).bit_length()  # of a code below k

def read_table(bits, k, count):  # the codes that occur, ascending, and their weights
    used = bits.read(width(min(k, count))) + 1
    gap_order, run_order = bits.read(5), bits.read(5)
    codes, end = [], 0
    while len(codes) < used:
        start = end + bits.number(gap_order)
        end = start + bits.number(run_order) + 1
        codes.extend(range(start, end))
    if used == 1:
        return codes, [1]
    mantissa = max((count // used).bit_length() - 5, 0) // 2
    center, low_bits, weights = bits.read(5), bits.read(2), []
    for _ in codes:
        distance = bits.unary() << low_bits | bits.read(low_bits)
        exponent = center + (distance >> 1 ^ -(distance & 1))
        kept = min(exponent, mantissa)
        lost = exponent - kept
        weights.append(((1 << kept | bits.read(kept)) << lost) + (1 << lost >> 1))
    return codes, weights

def huffman(weights, count, data):
    bits, heap = Bits(data), [(weight, symbol, symbol) for symbol, weight in enumerate(weights)]
    heapq.heapify(heap)
    for node in range(len(weights), 2 * len(weights) - 1):
        (a, _, zero), (b, _, one) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (a + b, node, (zero, one)))
    for _ in range(count):
        node = heap[0][2]
        while isinstance(node, tuple):
            node = node[bits.read(1)]
        yield node

def range_coded(weights, count, data):
    free, total = (1 << 24) - len(weights), sum(weights)
    left = [symbol + below * free // total for symbol, below in enumerate(itertools.accumulate(weights, initial=0))]
    words, ones = iter(struct.unpack(f"<{len(data) // 4}I", data)), (1 << 64) - 1
    lower, span, point = 0, ones, next(words, 0) << 32 | next(words, 0)
    for _ in range(count):
        unit = span >> 24
        symbol = bisect.bisect_right(left, (point - lower & ones) // unit) - 1
        lower, span = lower + unit * left[symbol] & ones, unit * (left[symbol + 1] - left[symbol])
        if span < 1 << 32:
            lower, span, point = lower << 32 & ones, span << 32, point << 32 & ones | next(words, 0)
        yield symbol

def read_column(method, k, count, coded, bits):
    if not coded:
        return [bits.read(width(k)) for _ in range(count)]
    codes, weights = read_table(bits, k, count)
    decode = huffman if method == "huffman" else range_coded
    return [codes[symbol] for symbol in decode(weights, count, bits.data[bits.at + 7 >> 3:])]

def read_chunk(header, rows, data):
    sizes, method, ragged, bits = header["codebook_sizes"], header["method"], header["ragged"], Bits(data)
    columns = [iter(lambda k=k: bits.read(width(k)), None) for k in sizes]  # packed: one code after the other
    if method != "packed":
        heads, count = [], rows
        for column, k in enumerate(sizes):
            count = bits.number(8) if ragged and column else count
            coded = k > 1 and count > 0 and bits.read(1)
            heads.append((k, count, coded, bits.number(8) if coded else count * width(k) + 7 >> 3))
        bodies, ends = bits.data[bits.at + 7 >> 3:], list(itertools.accumulate(head[3] for head in heads))
        columns = [iter(read_column(method, *head, Bits(bodies[end - length:end])))
                   for (*head, length), end in zip(heads, ends)]
    codes = np.empty((rows, len(sizes)), int)
    for row in codes:
        stopped = False
        for j, (column, k) in enumerate(zip(columns, sizes)):
            row[j] = k - 1 if stopped else next(column)
            stopped = ragged and row[j] == k - 1
    return codes

def checked(data, start, end, what):  # the bytes from start on, without the checksum that ends at `end`
    right = not checksum or checksum(data[start:end - 16]) == int.from_bytes(data[end - 16:end], "little")
    assert right, f"the checksum of {what} is wrong; the file is damaged"
    return data[start:end - 16]

def read_container(data, model):
    version, length = struct.unpack_from("<2I", data, 8)
    assert version == 1 and data[-8:] == b"WGVQ end", "the container is of another version, or cut short"
    header = json.loads(checked(data, 0, 32 + length, "the header")[16:])
    assert not checksum or header["model_hash"] in ("", f"{checksum(model):032x}"), "the codes belong to another model"
    footer = checked(data, len(data) - 96, len(data) - 8, "the footer")
    chunks, index_at = struct.unpack_from("<2Q", footer, 8)
    index = checked(data[index_at:-96] + footer[56:72], 0, 32 * chunks + 16, "the index")
    starts = [*struct.unpack(f"<{4 * chunks}Q", index)[::4], index_at]
    chunks = [checked(data, start, end, f"the chunk at byte {start}") for start, end in zip(starts, starts[1:])]
    codes = [read_chunk(header, struct.unpack_from("<I", chunk)[0], chunk[24:]) for chunk in chunks]
    return np.concatenate([np.empty((0, len(header["codebook_sizes"])), int), *codes])

GOLAY = dict(zip([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 16], [
    0x24E881, 0x722882, 0xB84884, 0x1E8888, 0x5C6090, 0xC6A0A0,
    0x6AC0C0, 0x966900, 0xAAAA00, 0xCCCC00, 0xF0F000, 0xFF0000]))
LATTICES = {  # step and reach of each coordinate, and what it is known modulo
    "Z": lambda n: ([1.0], [0.5], [1]),
    "A": lambda n: ([math.sqrt(0.5 / (k * (k + 1))) for k in range(1, n)] + [math.sqrt((n + 1) / (2 * n))],
                    [*range(1, n), n / (n + 1)], [*range(2, n + 1), 1]),
    "D": lambda n: ([1.0] * n, [1] * n, [1] * (n - 1) + [2]),
    "E": lambda n: ([0.5] * 8, [2] * 8, [1] + [2] * 6 + [4]),
    "L": lambda n: ([math.sqrt(0.125)] * 24, [4] * 24, [1] + [2 << (i not in GOLAY) + (i == 23) for i in range(1, 24)])}

def decode_lattice(spec, factor, t, codes, dim):
    lattice, scale = spec.split(":")
    tables = LATTICES[lattice[0]](int("0" + lattice[1:] if lattice[0] in "AD" else 0))
    steps, reach, modulus = (np.resize(values, codes.shape[1]) for values in tables)
    offset, low = (np.pad(t[name][0].astype(float), (0, len(steps) - dim)) for name in ("offset", "low"))
    step = (float(np.float32(scale) * factor) * steps).astype(np.float32)
    least = (low - offset) / step  # before rounding
    q = codes + (np.ceil(least - (reach + 1e-3 + abs(least) / 2**23)).astype(int) // modulus)
    z = np.moveaxis(q.reshape(len(q), -1, len(tables[0])), 2, 0)  # a view: z[i] is coordinate i of every block
    if lattice[0] == "A":
        total = z[-1].copy()
        for i in range(len(z) - 2, -1, -1):
            own, m = z[i].copy(), i + 2
            z[i] = m * own + total % m
            total = total + own - total // m
    elif lattice[0] == "D":
        z[-1] = 2 * z[-1] + (z[:-1].sum(0) & 1)
    elif lattice == "E8":
        odd, parity = z[0] & 1, (z[0] >> 1) + z[1:7].sum(0) & 1
        z[1:7] = 2 * z[1:7] + odd
        z[7] = 4 * z[7] + 2 * parity + odd
    elif lattice == "Leech24":
        odd, total = z[0] & 1, (z[0] & 1) + (z[0] >> 2)
        word = np.bitwise_xor.reduce([row * (z[i] >> (i == 0) & 1) for i, row in GOLAY.items()])
        for i in range(1, 24):
            high = z[i] >> 1 if i in GOLAY else 2 * z[i] + (total & 1) if i == 23 else z[i].copy()
            total = total + high
            z[i] = 4 * high + 2 * (word >> i & 1) + odd
    return (offset.astype(np.float32) + step * q.astype(np.float32))[:, :dim]

def decode_rotated_bits(t, codes, dim):
    length = codes[:, dim:].astype("<u4") @ np.array([4096, 256, 16, 1], "<u4")
    gain = (length << 15).astype("<u4").view("<f4")
    levels = np.concatenate([-t["magnitudes"][0][::-1], t["magnitudes"][0]])
    y, half = gain[:, None] * levels[codes[:, :dim]], np.float32(0.5)
    for moves in t["moves"][::-1].astype(int):
        for first in range(0, dim, 256):
            block, w = y[:, first:first + 256], 1
            while 4 * w <= block.shape[1]:
                whole = block[:, :block.shape[1] // (4 * w) * 4 * w]
                a, b, c, d = np.moveaxis(whole.reshape(len(y), -1, 4, w), 2, 0)
                turned = half * np.stack([(a + b) + (c + d), (a - b) + (c - d), (a + b) - (c + d), (a - b) - (c - d)], 2)
                whole[:], w = turned.reshape(whole.shape), 4 * w
        back = np.empty_like(y)
        back[:, abs(moves) - 1] = np.sign(moves).astype(np.float32) * y
        y = back
    return y + t["offset"]

def decode(description, tensors, codes):  # to vectors (n, dim), by the operations in float32 that FORMAT.md has
    (before, _, spec), dim = description["spec"].rpartition(","), description["dim"]
    powers = np.float32(2) ** np.array(description.get("scale", 0), np.float32)  # of PQ and PRQ, one for each part
    factor = np.float32(1) if powers.ndim else powers
    t = {name: tensor if name in ("rotation", "moves", "magnitudes") else tensor * factor for name, tensor in tensors.items()}
    rotation, about = t.get("rotation"), t.get("offset", np.float32(-0.0))
    t.update({name[6:]: tensor for name, tensor in t.items() if name.startswith("inner.")})  # behind the rotation
    kind, books = re.match("[A-Z]+", spec)[0], [t.get(f"codebook.{j}") for j in range(codes.shape[1])]
    # From -0 on, a single codeword keeps all its bits.
    total = lambda books, codes, start: sum((book[code] for book, code in zip(books, codes.T)), np.float32(start))
    if "points" in t:
        out = t["points"][codes].reshape(len(codes), dim) + t["offset"]
    elif ":" in spec and kind not in ("SQ", "FSQ", "LFQ"):
        out = decode_lattice(spec, factor, t, codes, dim)
    elif kind == "RBQ":
        out = decode_rotated_bits(t, codes, dim)
    elif kind == "SQ" and "levels" in t:
        out = np.stack([t["levels"][j % len(t["levels"])][codes[:, j]] for j in range(dim)], 1)
    elif kind == "SQ":
        out = t["low"].T + codes.astype(np.float32) * t["step"].T
    elif kind in ("PQ", "PRQ", "PLSQ"):
        stages, start = (int(spec.split("x")[1]), 0.0) if kind != "PQ" else (1, -0.0)
        parts = [slice(j, j + stages) for j in range(0, len(books), stages)]
        out = np.hstack([total([book * power for book in books[part]], codes[:, part], start) * (1 / power)
                         for part, power in zip(parts, np.resize(powers / factor, len(parts)))])
    elif kind == "TRQ":
        out = total(books, codes + len(books[0]) * np.pad(codes, ((0, 0), (1, 0)))[:, :-1], 0.0)
    elif kind == "SFVQ" and "+" in spec:
        start, end, last = books[0][codes[:, 0]], books[0][codes[:, 0] + 1], 2 ** int(spec.split("+")[1]) - 1
        out = start + (end - start) * (codes[:, 1:].astype(np.float32) * (np.float32(1) / np.float32(last)))
    else:
        out = total(books, codes, -0.0 if kind in ("VQ", "SFVQ", "EVQ") else 0.0)
    if before:  # fused multiply-adds, by way of float64
        turned, out = out.astype(float), np.zeros_like(out, np.float32)
        for j, axis in enumerate(rotation.astype(float)):
            out = (out + turned[:, j:j + 1] * axis).astype(np.float32)
        out = out + about
    return (out * (1 / factor)).astype("<f4")

def main(model_path, codes_path, out_path):
    model, data = open(model_path, "rb").read(), open(codes_path, "rb").read()
    start = 8 + int.from_bytes(model[:8], "little")
    header = json.loads(model[8:start])  # of the safetensors file
    description = json.loads(header.pop("__metadata__")["wgvq"])
    tensors = {name: np.frombuffer(model[start:][slice(*info["data_offsets"])], "<f4").reshape(info["shape"])
               for name, info in header.items()}
    codes = read_container(data, model) if data[:8] == b"\x89WGVQ\r\n\x1a" else np.load(codes_path).astype(int)
    sizes = description["codebook_sizes"]
    assert description["format"] == 1 and codes.shape[1] == len(sizes) and (codes < sizes).all(), "not such codes"
    np.save(out_path, decode(description, tensors, codes))

if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 4 else sys.exit(__doc__)
