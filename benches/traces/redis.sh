# A server with three threads for input and output, under clients that pipeline.
port=$((20000 + $$ % 20000))
$TRACE redis-server --port $port --bind 127.0.0.1 --dir "$PWD" --save '' --appendonly no --io-threads 3 \
    --io-threads-do-reads yes >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
i=0
until redis-cli -p $port ping >/dev/null 2>&1; do
    i=$((i + 1))
    if [ $i -gt 300 ]; then cat server.log; exit 1; fi
    sleep 0.1
done
redis-benchmark -p $port -n 4000 -c 20 -P 8 -r 3000 -d 120 -q \
    -t set,get,incr,lpush,rpush,lpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset >/dev/null
redis-cli -p $port shutdown nosave || true
wait $server || true
