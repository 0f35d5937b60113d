#!/bin/sh
# Re-makes the font of scripts to print: DejaVu Sans with the letters of Latin alphabets only (Vietnamese and those of
# Tày, Nùng, Dao, Mông, Mnông, Stiêng among them), 2 weights. Needs fonttools and the fonts (Debian: fonts-dejavu-core).
set -eu
cd "$(dirname "$0")/../engine/reports/fonts"
from=${1:-/usr/share/fonts/truetype/dejavu}
for weight in DejaVuSans DejaVuSans-Bold; do
    pyftsubset "$from/$weight.ttf" --output-file="$weight-Latin.ttf" --layout-features='' --no-hinting \
        --unicodes='U+0020-007E,U+00A0-024F,U+0250-02AF,U+02B0-02FF,U+0300-036F,U+1E00-1EFF,U+2010-2027,U+2030-203A,U+20AB,U+20AC,U+2190-2193,U+2212,U+FFFD'
done
