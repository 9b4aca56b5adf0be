# A browser without a screen: many processes and threads, a page with script, its text afterwards.
cat >page.html <<'H'
<!doctype html><title>page</title><body><script>
const text = [];
for (let i = 0; i < 3000; i++) {
    const p = document.createElement('p');
    p.textContent = 'x'.repeat(i % 90);
    document.body.appendChild(p);
    text.push(new Uint8Array(i * 10).length);
}
const all = text.reduce((a, b) => a + b);
document.body.innerHTML = '<h1>' + all + ' ' + document.querySelectorAll('p').length + '</h1>';
</script>
H
chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$PWD/profile" \
    --virtual-time-budget=5000 --dump-dom "file://$PWD/page.html" 2>/dev/null
