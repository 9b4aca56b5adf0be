# An editor without a terminal: a large buffer, substitutions, undo, windows.
seq 1 60000 >text
vim -u NONE -i NONE -n -es text >/dev/null 2>&1 <<'V'
%s/7/seven/g
g/00$/normal Aend
sort!
%!sort -n
undo
redo
vnew
call setline(1, map(range(20000), '"line " . v:val'))
%s/line \(\d\+\)/\1 line/
w! out/other
wincmd p
w! out/text
qa!
V
cksum out/text out/other
