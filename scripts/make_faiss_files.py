#!/usr/bin/env python3
"""Writes the files of tests/faiss: small indexes as FAISS writes them, NAME.faiss, and what FAISS decodes their codes to, NAME.npy. Of indexes
of lists, ivf_NAME.faiss, what it finds for the queries in ivf_queries.npy: ivf_NAME.npy has K ids and then K distances in a row.

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

# Of indexes of lists: the factory's string, by inner products or not, whether codes are of residuals, and how many vectors there are.
LISTS = {
    'pq4': ('IVF4,PQ4x4', False, True, 40),
    'pq4_plain': ('IVF4,PQ4x4', False, False, 40),
    'pq4_ip': ('IVF4,PQ4x4', True, True, 40),
    'pq4_cosine': ('L2norm,IVF4,PQ4x4', False, True, 40),
    'pq8': ('IVF4,PQ2x8', False, True, 40),
    'vq': ('IVF4,PQ1x7', False, True, 20),
    'one': ('IVF1,PQ4x3', False, True, 40),
    'sparse': ('IVF16,PQ4x3', False, True, 5),
    'empty': ('IVF4,PQ4x3', False, True, 0),
    'rr': ('RR8,IVF4,PQ4x4', False, True, 40),
    'sq8': ('IVF4,SQ8', False, True, 40),
    'sq4': ('IVF4,SQ4', False, False, 40),
    'rq': ('IVF4,RQ3x3', False, True, 40),
    'rq_norms': ('IVF4,RQ3x3_Nqint8', False, True, 40),
    'lsq': ('IVF4,LSQ2x4', False, True, 40),
    'prq': ('IVF4,PRQ2x2x3', False, True, 40),
    'plsq': ('IVF4,PLSQ2x2x3', False, True, 40),
}
K, PROBES, FIRST = 5, 2, 1 << 33


def write(folder, name, index, x):
    index.add(x[:N])
    faiss.write_index(index, str(folder / f'{name}.faiss'))
    np.save(folder / f'{name}.npy', index.reconstruct_n(0, index.ntotal))


def write_lists(folder, name, index, x, queries):
    # Ids of the user's own, in no order.
    index.add_with_ids(x, (np.arange(len(x)) * 7919 % 1009).astype('i8') + FIRST)
    lists = faiss.downcast_index(faiss.extract_index_ivf(index))
    faiss.write_index(index, str(folder / f'ivf_{name}.faiss'))
    lists.nprobe = PROBES
    if name == 'rq_norms':
        # By the codewords, and not by norms that are rounded.
        lists.rq.search_type = faiss.AdditiveQuantizer.ST_decompress
    distances, ids = index.search(queries, K + 1)
    assert len(x) <= K or (distances[:, K - 1] != distances[:, K]).all(), f'{name}: it depends on the order of lists what is found'
    # Of equally near ones the lowest id first.
    sign = -1 if index.metric_type == faiss.METRIC_INNER_PRODUCT else 1
    order = np.lexsort([ids, sign * distances], axis=1)
    distances, ids = np.take_along_axis(distances, order, 1), np.take_along_axis(ids, order, 1)
    # Ids that floats hold; -1 where there are fewer neighbours.
    ids = np.where(ids < 0, -1, ids - FIRST)
    np.save(folder / f'ivf_{name}.npy', np.concatenate([ids[:, :K], distances[:, :K]], axis=1).astype('f4'))


def lists(folder, x):
    queries = x[-6:]
    np.save(folder / 'ivf_queries.npy', queries)
    for name, (factory, by_product, residual, n) in LISTS.items():
        index = faiss.index_factory(D, factory, faiss.METRIC_INNER_PRODUCT if by_product else faiss.METRIC_L2)
        faiss.extract_index_ivf(index).by_residual = residual
        index.train(x)
        write_lists(folder, name, index, x[:n], queries)
    for name, residual in [('opq', True), ('opq_offset', False), ('opq_offset_residual', True)]:
        ivf = faiss.IndexIVFPQ(faiss.IndexFlatL2(D), D, 4, 4, 4)
        ivf.by_residual = residual
        index = faiss.IndexPreTransform(ivf)
        opq = faiss.OPQMatrix(D, 4)
        opq.niter = 5
        opq.pq = faiss.ProductQuantizer(D, 4, 4)
        index.prepend_transform(opq)
        if 'offset' in name:
            index.prepend_transform(faiss.CenteringTransform(D))
        index.train(x)
        write_lists(folder, name, index, x[:40], queries)
    index = faiss.index_factory(D, 'IVF4,PQ4x4')
    index.train(x)
    index.set_direct_map_type(faiss.DirectMap.Hashtable)
    write_lists(folder, 'map', index, x[:40], queries)


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
    lists(folder, x)


if __name__ == '__main__':
    sys.exit(main())
