#!/usr/bin/env python3
"""Writes the files of tests/faiss: small indexes as FAISS writes them, NAME.faiss, and what FAISS decodes their codes to, NAME.npy.

Needs faiss-cpu. What it writes depends on FAISS's version and on its random numbers; the files in the repository are those of
FAISS 1.15.1.
"""
import pathlib
import sys

import faiss
import numpy as np

D, N = 8, 12
INDEXES = {
    'vq': 'PQ1x4',
    'pq': 'PQ4x3',
    'opq': 'OPQ4,PQ4x3',
    'rr_rq': 'RR8,RQ2x3',
    'rq': 'RQ3x3',
    'rq_norms': 'RQ3x3_Nqint8',
    'lsq': 'LSQ2x3',
    'prq': 'PRQ2x2x3',
    'plsq': 'PLSQ2x2x3',
    'sq8': 'SQ8',
    'sq6': 'SQ6',
    'sq4': 'SQ4',
}


def write(folder, name, index, x):
    index.add(x[:N])
    faiss.write_index(index, str(folder / f'{name}.faiss'))
    np.save(folder / f'{name}.npy', index.reconstruct_n(0, index.ntotal))


def main():
    faiss.omp_set_num_threads(1)
    folder = pathlib.Path(__file__).parent.parent / 'tests' / 'faiss'
    folder.mkdir(exist_ok=True)
    x = np.random.default_rng(5).normal(size=(2000, D)).astype('f4') * 3 + 1
    for name, factory in INDEXES.items():
        index = faiss.index_factory(D, factory)
        index.train(x)
        write(folder, name, index, x)
    flat = faiss.IndexFlatL2(D)
    write(folder, 'flat', flat, x)
    by_product = faiss.index_factory(D, 'PQ2x3', faiss.METRIC_INNER_PRODUCT)
    by_product.train(x)
    write(folder, 'pq_ip', by_product, x)
    opq = faiss.IndexPreTransform(faiss.OPQMatrix(D, 2), faiss.IndexPQ(D, 2, 3))
    opq.prepend_transform(faiss.CenteringTransform(D))
    opq.train(x)
    write(folder, 'opq_offset', opq, x)
    for name, kind, least in [('sq_direct', faiss.ScalarQuantizer.QT_8bit_direct, 0), ('sq_signed', faiss.ScalarQuantizer.QT_8bit_direct_signed, -128)]:
        whole = np.random.default_rng(6).integers(least, least + 256, size=(N, D)).astype('f4')
        write(folder, name, faiss.IndexScalarQuantizer(D, kind), whole)
    for name, kind in [('sq8_uniform', faiss.ScalarQuantizer.QT_8bit_uniform), ('sq4_uniform', faiss.ScalarQuantizer.QT_4bit_uniform)]:
        index = faiss.IndexScalarQuantizer(D, kind)
        index.train(x)
        write(folder, name, index, x)


if __name__ == '__main__':
    sys.exit(main())
