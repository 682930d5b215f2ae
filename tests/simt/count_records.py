# SPDX-License-Identifier: Apache-2.0
"""Files of counts by case, which TILEWRIGHT_UPDATE_RECORDS=1 writes."""

import json
import os


def recorded(path, case, counts, cases, written):
    """The counts that stand in the file for `case`, or None. When records are updated, `counts` go in first.

    Cases that are no longer among `cases` leave the file; `written` makes its text."""
    record = json.loads(path.read_text()) if path.exists() else {}
    if os.environ.get("TILEWRIGHT_UPDATE_RECORDS"):
        record[case] = counts
        path.write_text(written({c: record[c] for c in cases if c in record}))
    return record.get(case)
