#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything there is to do on a machine with a GPU, stage by stage: benchmarks/gpu.sh --stage all
cd "$(dirname "$0")/.." && exec python3 benchmarks/gpu/day.py "$@"
