"""Cut Noto Naskh Arabic down to Urdu's letters, for the report; always the same bytes.

    python scripts/build_urdu_font.py NotoNaskhArabic-Regular.ttf

Needs fonttools and brotli; writes siting/report/urdu.woff2 and prints its SHA-256.
"""

import hashlib
import sys
from pathlib import Path

from fontTools import subset

# Urdu's letters and marks, and the digits and signs among them.
LETTERS = (
    "ءآأؤئابةتثجحخدذرزسشصضطظعغفقلمنهويٹپچڈڑژکگںھہۂۃیےۓ"
    "ًٌٍَُِّْٰٔ،؛؟۔٪٫٬۰۱۲۳۴۵۶۷۸۹0123456789.,:;%()+-–—−/ \u200c\u200d\u2066\u2067\u2068\u2069"
)
REPORT = Path(__file__).resolve().parent.parent / "siting" / "report"


def main() -> None:
    """Write the font, and print its size and hash."""
    out = REPORT / "urdu.woff2"
    codes = ",".join(f"U+{ord(letter):04X}" for letter in LETTERS)
    options = [f"--unicodes={codes}", "--layout-features=*", "--flavor=woff2", "--no-hinting"]
    subset.main([sys.argv[1], *options, "--no-recalc-timestamp", f"--output-file={out}"])
    print(f"{out.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
