# A server on loopback under load from several clients, with snapshots, a rewritten log, lazy frees and a
# reload; then its keys' digest. $1: requests of each kind.
port=$((20000 + $$ % 20000))
redis-server --port $port --bind 127.0.0.1 --dir "$PWD" --save '' --appendonly yes --io-threads 2 \
    --enable-debug-command yes --lazyfree-lazy-user-del yes --activedefrag no >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
cli() { redis-cli -p $port "$@"; }
i=0
until cli ping >/dev/null 2>&1; do
    i=$((i + 1))
    if [ $i -gt 300 ] || ! kill -0 $server; then cat server.log; exit 1; fi
    sleep 0.1
done

# The same keys and values in every run.
awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) {
    v = sprintf("%0*d", i % 500 + 1, i)
    print "SET key:" i " " v; print "HSET hash:" i % 97 " f" i " " v; print "ZADD z:" i % 13 " " i % 101 " m" i
    print "RPUSH list:" i % 31 " " v; print "SADD set:" i % 7 " " i; print "APPEND app:" i % 11 " " v
    if (i % 3 == 0) print "DEL key:" int(i / 2); if (i % 5 == 0) print "LPOP list:" i % 31 } }' \
    | cli --pipe 2>&1 | grep errors | sed 's/replies.*/replies/'
cli dbsize
before=$(cli debug digest)
redis-benchmark -p $port -n "$1" -c 20 -P 8 -r 100000 -d 300 --csv \
    -t ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset | cut -d , -f 1
cli bgsave >/dev/null
cli bgrewriteaof >/dev/null
cli flushall async
i=0
while cli info persistence | grep -q 'in_progress:1'; do sleep 0.1; i=$((i + 1)); [ $i -lt 600 ]; done
cli info persistence | grep -E 'last_bgsave_status|last_bgrewrite_status' | tr -d '\r'

awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print "SET again:" i " " sprintf("%0*d", i % 3000 + 1, i) }' \
    | cli --pipe 2>&1 | grep -c errors
cli dbsize
cli debug digest
cli debug reload
cli debug digest
cli eval 'local n = 0; for i = 1, 20000 do n = n + #(("x"):rep(i % 100)) end; return n' 0
echo "$before"
cli shutdown nosave || true
wait $server
