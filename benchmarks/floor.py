"""The least that any of them must do with the bytes: unpack, parse, sort, write; on one core.

python -m benchmarks.floor URL
"""

import gzip
import io
import json
import sys
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pyarrow.parquet as pq
import requests

from benchmarks.question import PAGE_SIZE, PATH, page_query


def packed_pages(url: str) -> list[bytes]:
    pages: list[bytes] = []
    while True:
        response = requests.get(
            url + PATH,
            params=page_query(PAGE_SIZE * len(pages)),
            headers={"Accept-Encoding": "gzip"},
            stream=True,
            timeout=120,
        )
        pages.append(response.raw.read(decode_content=False))
        if len(pages[-1]) < 100:  # an empty list  # noqa: PLR2004
            return pages[:-1]


def write(pages: list[bytes]) -> int:
    read = pyarrow.json.ReadOptions(use_threads=False, block_size=8 << 20)
    lines = (gzip.decompress(page)[1:].replace(b"\n,{", b"\n{").rstrip(b"]\n") for page in pages)
    tables = [pyarrow.json.read_json(io.BytesIO(page), read) for page in lines]
    rows = pa.concat_tables(tables, promote_options="permissive")
    rows = rows.sort_by([("report_received_date", "ascending"), ("nhtsa_id", "ascending")])
    years = pc.utf8_slice_codeunits(rows["report_received_date"], 0, 4).combine_chunks()
    for year in years.unique().to_pylist():
        part = rows.filter(pc.equal(years, year))
        pq.write_table(part, pa.BufferOutputStream(), compression="zstd")
    return rows.num_rows


if __name__ == "__main__":
    pa.set_cpu_count(1)
    pages = packed_pages(sys.argv[1])
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    rows = write(pages)
    took = {"wall_s": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}
    print(json.dumps({"rows": rows, **took}))
