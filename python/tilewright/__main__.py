# SPDX-License-Identifier: Apache-2.0
import sys

from tilewright.cli import main

sys.exit(main())
