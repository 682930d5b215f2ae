# SPDX-License-Identifier: Apache-2.0
"""Programs as textbooks have them, each on one page: `python -m tilewright.examples.mnist_cnn`."""
