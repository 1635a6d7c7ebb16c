"""Exact driven steady states of long chains: a density matrix in its symmetry sectors, its generator never written out."""
