"""Golden cases for tables: Parquet files as pyarrow writes them, which is what pandas calls."""

import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow
from pyarrow import parquet

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "table_parquet"
TABLE = pyarrow.table(
    {
        "label": ["red", "", None, "我们 🍎", "red"],
        "category": pyarrow.array(["a", "b", None, "a", "a"]).dictionary_encode(),
        "whole": pyarrow.array([1, -2, None, 2**53 - 1, 0], pyarrow.int64()),
        "small": pyarrow.array([1, 255, None, 0, 7], pyarrow.uint8()),
        "number": pyarrow.array([0.5, -1e300, None, 0.1, 3.0], pyarrow.float64()),
        "half": pyarrow.array([0.5, -2.0, None, 0.25, 3.0], pyarrow.float32()),
        "truth": [True, False, None, True, True],
        "day": pyarrow.array([date(2026, 11, 26), date(1969, 12, 31), None] + [date(2000, 2, 29)] * 2),
        "price": pyarrow.array([Decimal("1.50"), Decimal("-0.05"), None] + [Decimal("7.00")] * 2),
    }
)
# What the cells read as text; half and small as the numbers that they are.
TEXTS = {
    "label": ["red", None, None, "我们 🍎", "red"],
    "category": ["a", "b", None, "a", "a"],
    "whole": ["1", "-2", None, "9007199254740991", "0"],
    "small": ["1", "255", None, "0", "7"],
    "truth": ["true", "false", None, "true", "true"],
    "day": ["2026-11-26", "1969-12-31", None, "2000-02-29", "2000-02-29"],
    "price": ["1.50", "-0.05", None, "7.00", "7.00"],
}

for codec in ["none", "snappy", "zstd", "lz4", "gzip"]:
    folder = GOLDEN / codec
    if "--check" in sys.argv:
        assert parquet.read_table(folder / "table.parquet").equals(TABLE), codec
        print(f"table_parquet/{codec}: the same table")
        continue
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(TABLE, folder / "table.parquet", compression=codec, row_group_size=3)
    numbers = {name: TABLE[name].to_pylist() for name in ["whole", "small", "number", "half"]}
    case = {
        "made_with": {"pyarrow": pyarrow.__version__},
        "script": "reference/table/parquet.py",
        "texts": TEXTS,
        "numbers": numbers,
    }
    (folder / "case.json").write_text(json.dumps(case) + "\n")
