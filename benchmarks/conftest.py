# SPDX-License-Identifier: Apache-2.0
"""Adds Tilewright's own record to the JSON of pytest-benchmark."""

from dataclasses import asdict

from tilewright.bench import harness


def pytest_benchmark_update_json(config, benchmarks, output_json):
    rows: dict[tuple, harness.Row] = {}
    for entry in output_json["benchmarks"]:
        info, stats = entry["extra_info"], entry["stats"]
        if "rival" in info:
            key = info["family"], info["name"]
            row = rows.setdefault(key, harness.Row(info["name"], info["family"], info["flop"], info["bytes"]))
            row.rivals[info["rival"]] = harness.Timing(stats["min"], stats["median"], stats["rounds"])
    output_json["tilewright"] = {
        "schema": harness.SCHEMA,
        "family": "pytest-benchmark",
        "environment": harness.environment({"tilewright": 1}),
        "rows": [
            {**asdict(row), "best_rival": row.best_rival(), "ratio": row.ratio()}
            for row in rows.values()
            if "tilewright" in row.rivals
        ],
    }
