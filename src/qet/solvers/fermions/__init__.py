"""Chains of free fermions, up to a thousand sites: ground, thermal and driven states, and what happens to them in time.

`offers` says which models and jumps are taken, `states` and `driven` make the states, `wick`, `branches` and
`aftermath` answer what protocols ask. `precise` finds correlators of
ground states that are too small for doubles. The conventions are those of `qet.solvers.nambu`.
"""
