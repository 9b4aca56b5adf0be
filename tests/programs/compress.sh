# Round trips of $2 MiB through `$1 -T4`; more arguments go to the compressor.
how=$1 mib=$2
shift 2
awk -v n=$((mib * 16384)) 'BEGIN { srand(7); for (i = 0; i < n; i++) printf "%063.50f\n", rand() * i }' >data
tool=${how%% *}
$how -T4 "$@" -k -c data >out/data.packed
$tool -t -T4 <out/data.packed
$tool -d -T4 -c <out/data.packed | cmp - data
wc -c <out/data.packed
# Each of many small files has a context of its own.
split -n 40 data piece.
$tool -q piece.*
$tool -q -d --stdout piece.*.* | cksum
