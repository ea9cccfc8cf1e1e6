"""Reduce Noto Naskh Arabic to the letters of Urdu, for the report.

    python scripts/build_urdu_font.py NotoNaskhArabic-Regular.ttf

The script needs fonttools and brotli. It writes siting/report/urdu.woff2, always with the same
bytes, and prints its SHA-256.
"""

import hashlib
import sys
from pathlib import Path

from fontTools import subset

# The letters and marks of Urdu, with the digits and signs used among them.
LETTERS = (
    "ءآأؤئابةتثجحخدذرزسشصضطظعغفقلمنهويٹپچڈڑژکگںھہۂۃیےۓ"
    "ًٌٍَُِّْٰٔ،؛؟۔٪٫٬۰۱۲۳۴۵۶۷۸۹0123456789.,:;%()+-–—−/ \u200c\u200d\u2066\u2067\u2068\u2069"
)
REPORT = Path(__file__).resolve().parent.parent / "siting" / "report"


def main() -> None:
    """Write the font file, and print its size and hash."""
    out = REPORT / "urdu.woff2"
    codes = ",".join(f"U+{ord(letter):04X}" for letter in LETTERS)
    options = [f"--unicodes={codes}", "--layout-features=*", "--flavor=woff2", "--no-hinting"]
    subset.main([sys.argv[1], *options, "--no-recalc-timestamp", f"--output-file={out}"])
    print(f"{out.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
