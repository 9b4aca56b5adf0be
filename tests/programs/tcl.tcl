# Dictionaries, strings, regular expressions, interpreters made and deleted, threads where there are.
set d {}
for {set i 0} {$i < 40000} {incr i} { dict set d "key $i" [string repeat x [expr {$i % 300}]] }
set n 0
dict for {k v} $d { incr n [string length $v] }
puts "[dict size $d] $n"
set text [join [lsort [dict keys $d]] ,]
puts "[string length $text] [regexp -all {7[0-9]} $text] [string length [regsub -all {key} $text {}]]"
for {set i 0} {$i < 200} {incr i} {
    set child [interp create]
    $child eval { proc f n { expr {$n < 2 ? $n : [f [expr {$n-1}]] + [f [expr {$n-2}]]} } }
    set out [$child eval { f 9 }]
    interp delete $child
}
puts $out
puts [string length [exec sh -c "seq 1 20000"]]
puts [string length [zlib inflate [zlib deflate $text]]]
