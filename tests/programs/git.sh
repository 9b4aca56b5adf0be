# A repository made on the spot: commits, branches, merges, clone, repack, fsck. $1: how many commits.
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_TERMINAL_PROMPT=0
GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
export GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_TERMINAL_PROMPT
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

git init -q -b main one
cd one
git config gc.auto 0
git config pack.threads 4
i=0
while [ $i -lt "$1" ]; do
    i=$((i + 1))
    GIT_AUTHOR_DATE="$((1700000000 + i * 60)) +0000" GIT_COMMITTER_DATE="$((1700000000 + i * 60)) +0000"
    export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
    mkdir -p "d$((i % 9))"
    seq $i $((i * 7 % 900 + i)) >"d$((i % 9))/f$((i % 23))"
    seq 1 $((2000 + i)) | sed "s/$i\$/changed $i/" >large
    git add .
    git commit -q -m "commit $i"
    case $i in *0) git branch "b$i" "HEAD~3" ;; esac
done
git checkout -q b10
seq 1 300 >side
git add side
git commit -q -m side
git checkout -q main
git merge -q -m merge b10
git log --stat --oneline | cksum
git log -p --all | cksum
git blame -s large | cksum
git grep -c changed HEAD -- large
git gc -q --aggressive
git fsck --full --strict 2>&1
git clone -q --no-local . ../two 2>&1
cd ../two
git fsck --full 2>&1
git repack -q -a -d -f --window=50 --threads=4
git rev-list --all --objects | sort | cksum
git diff --stat HEAD~8 | tail -n 1
git archive HEAD | cksum
