# SPDX-License-Identifier: Apache-2.0
"""Training: compile, fit, evaluate, predict."""
