# Threads, fork, strings that grow, a heap that is compacted.
require 'digest'
require 'json'
require 'zlib'

table = {}
60_000.times { |i| table["key #{i}"] = 'x' * (i % 300) }
text = JSON.generate(table)
puts [text.size, Digest::SHA256.hexdigest(text), JSON.parse(text) == table].inspect
puts Zlib::Inflate.inflate(Zlib::Deflate.deflate(text)) == text

threads = 8.times.map { |t| Thread.new { (1..4000).map { |i| (t.to_s * (i % 900)).sum }.sum } }
puts threads.map(&:value).inspect

string = +''
200_000.times { |i| string << i.to_s }
puts [string.size, string.gsub(/7+/, 'seven').size, string.scan(/12/).size].inspect

live = []
40_000.times { |i| live[(i * 7919) % 500] = 'y' * [8, 100, 3000, 40_000, 200_000][i % 5] }
GC.start
GC.compact if GC.respond_to?(:compact)
puts live.compact.sum(&:size)

puts(10.times.map { |i| Process.wait2(fork { exit!(('z' * 100_000).size == 100_000 ? i : 99) })[1].exitstatus }.inspect)
puts 9.downto(1).inject(:*) ** 200 % 1_000_003
