# The log with patches of a repository that is made here.
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
export GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
git init -q -b main .
git config gc.auto 0
i=0
while [ $i -lt 150 ]; do
    i=$((i + 1))
    GIT_AUTHOR_DATE="$((1700000000 + i * 60)) +0000" GIT_COMMITTER_DATE="$((1700000000 + i * 60)) +0000"
    export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
    mkdir -p "d$((i % 9))"
    seq $i $((i * 7 % 900 + i)) >"d$((i % 9))/f$((i % 23))"
    seq 1 $((2000 + i)) | awk -v i=$i '{ print ($1 % 50 == i % 50 ? "changed in " i : $1) }' >large
    git add .
    git commit -q -m "commit $i"
done
git repack -q -a -d
$TRACE git --no-pager log -p -M --stat >/dev/null
