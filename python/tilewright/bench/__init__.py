# SPDX-License-Identifier: Apache-2.0
"""Measuring kernels against their rivals."""
