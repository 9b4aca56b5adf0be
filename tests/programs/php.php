<?php
// Extensions, each in a library of its own: strings, regular expressions, XML, a database.
$names = array_map('strtolower', get_loaded_extensions());
sort($names);
echo implode(',', $names), "\n";

$table = [];
for ($i = 0; $i < 60000; $i++) {
    $table["key $i"] = str_repeat(chr(65 + $i % 26), $i % 300);
}
$json = json_encode($table);
echo strlen($json), ' ', md5(serialize(json_decode($json, true))), "\n";
echo preg_match_all('/"key (\d+7)":"([A-Z]*)"/', $json, $m), ' ', strlen(implode($m[2])), "\n";

if (extension_loaded('pdo_sqlite')) {
    $base = new PDO('sqlite::memory:');
    $base->exec('create table t (id integer primary key, name text, n int)');
    $insert = $base->prepare('insert into t (name, n) values (?, ?)');
    for ($i = 0; $i < 5000; $i++) $insert->execute([str_repeat('n', $i % 500), $i % 17]);
    foreach ($base->query('select n, count(*), sum(length(name)) from t group by n limit 3', PDO::FETCH_NUM) as $row) {
        echo implode(' ', $row), "\n";
    }
}
if (extension_loaded('dom')) {
    $document = new DOMDocument();
    $root = $document->appendChild($document->createElement('root'));
    for ($i = 0; $i < 3000; $i++) $root->appendChild($document->createElement('item', str_repeat('t', $i % 90)));
    $again = new DOMDocument();
    $again->loadXML($document->saveXML());
    echo (new DOMXPath($again))->query('//item')->length, ' ', md5($again->saveXML()), "\n";
}
if (extension_loaded('mbstring')) {
    echo md5(mb_convert_encoding(str_repeat("caf\u{e9} \u{65e5}\u{672c}", 9000), 'UTF-16', 'UTF-8')), "\n";
}
if (extension_loaded('zlib')) {
    echo md5(gzuncompress(gzcompress($json, 9))), "\n";
}
if (extension_loaded('gd')) {
    $image = imagecreatetruecolor(300, 300);
    imagefilledellipse($image, 150, 150, 200, 100, 0xff8800);
    ob_start();
    imagepng(imagescale($image, 100));
    echo strlen(ob_get_clean()), "\n";
}
if (extension_loaded('intl')) {
    echo (new NumberFormatter('de_DE', NumberFormatter::DECIMAL))->format(1234567.891), "\n";
}
