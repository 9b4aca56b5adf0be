# The compiler, then threads with memory outside of Java's heap: direct buffers, inflaters, class loading.
cat >Work.java <<'J'
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.*;

public class Work {
    static long once(int seed) throws Exception {
        Random random = new Random(seed);
        long sum = 0;
        for (int i = 0; i < 200; i++) {
            ByteBuffer direct = ByteBuffer.allocateDirect(1 + random.nextInt(200_000));
            for (int at = 0; at < direct.capacity(); at += 97) { if (direct.get(at) != 0) throw new Error("not zero"); direct.put(at, (byte) at); }
            byte[] data = new byte[random.nextInt(50_000) + 1];
            for (int at = 0; at < data.length; at++) data[at] = (byte) (at % 7);
            Deflater deflater = new Deflater(); deflater.setInput(data); deflater.finish();
            byte[] packed = new byte[data.length + 100]; int n = deflater.deflate(packed); deflater.end();
            Inflater inflater = new Inflater(); inflater.setInput(packed, 0, n);
            byte[] back = new byte[data.length]; inflater.inflate(back); inflater.end();
            if (!Arrays.equals(data, back)) throw new Error("inflated otherwise");
            CRC32 crc = new CRC32(); crc.update(back); sum = sum * 31 + crc.getValue() + direct.capacity();
        }
        return sum;
    }
    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Long>> all = new ArrayList<>();
        for (int i = 0; i < 24; i++) { int seed = i; all.add(pool.submit(() -> once(seed))); }
        for (Future<Long> one : all) System.out.println(one.get());
        pool.shutdown();
        for (int i = 0; i < 300; i++) { Thread t = new Thread(() -> {}); t.start(); t.join(); }
    }
}
J
javac -J-Xmx256m Work.java
java -Xmx256m -XX:MaxDirectMemorySize=512m Work
