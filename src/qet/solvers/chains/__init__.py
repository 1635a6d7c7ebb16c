"""Exact driven steady states of long chains: in symmetry sectors, the generator never written out."""
