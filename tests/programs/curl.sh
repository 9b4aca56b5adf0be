# Many downloads at once from a server with a thread for each, on loopback.
mkdir site
i=0
while [ $i -lt 60 ]; do
    i=$((i + 1))
    seq 1 $((i * 500)) >site/$i
done
python3 -u - <<'P' >port 2>/dev/null &
import functools, http.server
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory="site")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_address[1])
server.serve_forever()
P
server=$!
trap 'kill $server' EXIT
i=0
until [ -s port ]; do
    sleep 0.1
    i=$((i + 1))
    [ $i -lt 300 ]
done
curl -sS --no-progress-meter --noproxy '*' -Z --parallel-max 10 "http://127.0.0.1:$(cat port)/[1-60]" -o 'out/#1'
curl -sS --no-progress-meter --noproxy '*' "http://127.0.0.1:$(cat port)/none" -o /dev/null -w '%{http_code}\n'
for i in 1 2 3 4 5; do curl -sS "file://$PWD/site/$i" | cksum; done
