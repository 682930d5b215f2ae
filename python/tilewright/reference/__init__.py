# SPDX-License-Identifier: Apache-2.0
"""Readable references of every operation: the same source on NumPy and CuPy, the judge of every kernel."""
