# Pipelines, forks, a shell's own arrays, archives. $1: how large.
n=$((20000 * $1))

seq 1 "$n" | sed 's/7/seven/' | sort -r --parallel=4 -S 1M | uniq -c \
    | awk '{ n += length($0); seen[$2 % 997]++ } END { for (k in seen) m += seen[k]; print n, m, NR }'
seq "$n" -1 1 | sort -n | sha256sum
for i in 1 2 3 4 5 6 7 8; do (echo "$i" | cat); done

# Bash: associative arrays, strings that grow, functions that recurse, subshells.
declare -A table
for ((i = 0; i < n / 4; i++)); do table["key $i"]="$i $((i * i))"; done
long=
for ((i = 0; i < n / 10; i++)); do long+="${table["key $i"]};"; done
echo "${#table[@]} ${#long}"
fib() { if (($1 < 2)); then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
fib 9
unset table
mapfile -t lines < <(seq 1 "$n")
echo "${#lines[@]} ${lines[-1]}"

# A tree of files there and back.
mkdir -p tree
for i in $(seq 1 40); do
    mkdir -p "tree/$((i % 7))/$((i % 5))"
    seq "$i" "$((i * n / 200))" >"tree/$((i % 7))/$((i % 5))/$i"
done
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf out/tree.tar tree
gzip -n -k out/tree.tar
mkdir back
tar -xzf out/tree.tar.gz -C back
diff -r tree back/tree
find tree -type f | sort | xargs -n 3 -P 4 cat | cksum | cut -d ' ' -f 2
