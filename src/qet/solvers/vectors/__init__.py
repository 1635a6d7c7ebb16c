"""State vectors of long chains: products with a Pauli sum that are never written out, and what is built on them."""
