# Hashes, strings that grow, sorting, regular expressions, fork, and interpreters cloned by threads.
use strict;
use warnings;
use Config;

my %table;
$table{"key $_"} = "x" x ($_ % 700) for 1 .. 60000;
my $sum = 0;
$sum += length $table{$_} for keys %table;
delete @table{ grep { /7/ } keys %table };
print scalar(keys %table), " $sum\n";

my $text = join ",", sort map { $_ x 9 } 1 .. 9999;
$text =~ s/(\d)(\d)/$2$1/g;
my $n = () = $text =~ /(?:12)+/g;
print length($text), " $n ", unpack("%32C*", $text), "\n";

my @rows = map { [ map { $_ * 3 } 1 .. 2 + $_ % 60 ] } 1 .. 8000;
@rows = sort { @$a <=> @$b || "@$a[0..1]" cmp "@$b[0..1]" } @rows for 1 .. 3;
print scalar(@{ $rows[-1] }), "\n";

my $big = "";
$big .= chr(65 + $_ % 26) x 1000 for 1 .. 9000;
substr($big, 500, 100000) = "";
print length($big), "\n";

for my $i (1 .. 10) {
    my $pid = fork // die "fork: $!";
    if (!$pid) { my @l = map { "c" x $_ } 1 .. 1000; exit(@l == 1000 ? $i : 99) }
    waitpid $pid, 0;
    print $? >> 8, " ";
}
print "\n";

if ($Config{useithreads}) {
    require threads;
    my @all = map { threads->create(sub { my %h = map { $_ => "v" x $_ } 1 .. 1500; scalar keys %h }) } 1 .. 6;
    print join(" ", map { $_->join } @all), "\n";
}
