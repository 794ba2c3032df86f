import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

import com.alibaba.fastjson.JSON;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.message.Message;

/**
 * The official client as a peer of scripts/peers: a number of async sends in flight, or a number of threads that send synchronously.
 *
 * Without a rate a closed loop, as the official benchmark is one; with a rate the message number k is due at t0 + k/rate whatever
 * the client does, a pacer that wakes once a millisecond hands over what is due, and the response time counts from when it was due.
 * Compression is off, as in the official benchmark, and everything else is the client's default. The drivers in scripts/go and
 * scripts/rust-peer do the same with the same options and print the same line.
 */
public final class Peer {
    private static final String USAGE = """
            usage: Peer --namesrv HOST:PORT [--topic BenchmarkTest] [--size 1024] [--mode async|sync] [--permits 512] [--threads 64]
                        [--rate 0] [--warmup 10s] [--duration 10s] [--header rocketmq|json]""";
    private static final long TICK = 1_000_000;

    private final Histogram responses = new Histogram();
    private final Histogram services = new Histogram();
    private final LongAdder arrived = new LongAdder(); // answers that came inside the window
    private final LongAdder sentInWindow = new LongAdder();
    private final LongAdder acked = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final AtomicReference<String> firstFailure = new AtomicReference<>();
    private final AtomicLong next = new AtomicLong();
    private DefaultMQProducer producer;
    private String topic;
    private byte[] body;
    private long rate;
    private long start;
    private volatile long begin = Long.MAX_VALUE; // of the window, after start
    private volatile long end = Long.MAX_VALUE;

    public static void main(String[] args) {
        int code = 0;
        try {
            var options = options(args);
            // Read once, when the client's classes are loaded. The official benchmark sets the binary header too.
            System.setProperty("rocketmq.serialize.type", options.get("--header").toUpperCase());
            var peer = new Peer();
            System.out.println(JSON.toJSONString(peer.run(options)));
            code = peer.acked.sum() == 0 ? 1 : 0;
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage() + "\n" + USAGE);
            code = 2;
        } catch (Exception e) {
            System.err.println("Peer: " + e);
            code = 1;
        }
        System.out.flush();
        Runtime.getRuntime().halt(code); // an orderly end of the client takes seconds and changes nothing
    }

    private static Map<String, String> options(String[] args) {
        var options = new HashMap<>(Map.of("--topic", "BenchmarkTest", "--size", "1024", "--mode", "async", "--permits", "512",
                "--threads", "64", "--rate", "0", "--warmup", "10s", "--duration", "10s", "--header", "rocketmq"));
        options.put("--namesrv", "");
        for (int i = 0; i < args.length; i += 2) {
            if (i + 1 == args.length || options.replace(args[i], args[i + 1]) == null) {
                throw new IllegalArgumentException("not understood: " + args[i]);
            }
        }
        if (options.get("--namesrv").isEmpty()) {
            throw new IllegalArgumentException("--namesrv is needed");
        }
        if (!options.get("--mode").matches("async|sync")) {
            throw new IllegalArgumentException("--mode is async or sync");
        }
        if (!options.get("--header").matches("rocketmq|json")) {
            throw new IllegalArgumentException("--header is rocketmq or json");
        }
        return options;
    }

    private static long nanos(String duration) {
        if (!duration.matches("[0-9]+(ms|s|m)")) {
            throw new IllegalArgumentException("'" + duration + "' is no duration such as 500ms, 10s or 1m");
        }
        long number = Long.parseLong(duration.replaceAll("[a-z]", ""));
        return switch (duration.replaceAll("[0-9]", "")) {
            case "ms" -> TimeUnit.MILLISECONDS.toNanos(number);
            case "s" -> TimeUnit.SECONDS.toNanos(number);
            default -> TimeUnit.MINUTES.toNanos(number);
        };
    }

    private Map<String, Object> run(Map<String, String> options) throws Exception {
        boolean async = options.get("--mode").equals("async");
        int window = Integer.parseInt(options.get(async ? "--permits" : "--threads"));
        long warmup = nanos(options.get("--warmup"));
        long duration = nanos(options.get("--duration"));
        rate = Long.parseLong(options.get("--rate"));
        topic = options.get("--topic");
        body = new byte[Integer.parseInt(options.get("--size"))];
        Arrays.fill(body, (byte) 'a');

        producer = new DefaultMQProducer("rmq_bench_peer");
        producer.setNamesrvAddr(options.get("--namesrv"));
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.start();

        var inFlight = new Semaphore(window);
        start = System.nanoTime();
        double startedAt = System.currentTimeMillis() / 1e3;
        begin = warmup;
        end = warmup + duration;
        var senders = new Thread[async ? 1 : window];
        for (int i = 0; i < senders.length; i++) {
            senders[i] = new Thread(async ? () -> sendAsync(inFlight) : this::sendSync, "sender-" + i);
            senders[i].start();
        }
        TimeUnit.NANOSECONDS.sleep(warmup);
        long failedBefore = failed.sum();
        TimeUnit.NANOSECONDS.sleep(end - now());
        long failedInWindow = failed.sum() - failedBefore;
        // Let the last replies come in, so that the totals tell what the broker holds.
        for (var sender : senders) {
            sender.join(10_000);
        }
        inFlight.tryAcquire(window, 10, TimeUnit.SECONDS);

        double seconds = duration / 1e9;
        var result = new LinkedHashMap<String, Object>();
        result.put("client", "java " + MQVersion.getVersionDesc(MQVersion.CURRENT_VERSION));
        result.put("header", options.get("--header"));
        result.put("mode", options.get("--mode"));
        result.put("size", body.length);
        result.put("window", window);
        result.put("rate", rate);
        result.put("windowBegin", startedAt + warmup / 1e9);
        result.put("seconds", seconds);
        result.put("planned", rate > 0 ? due(end) - due(begin) : sentInWindow.sum());
        result.put("sent", sentInWindow.sum());
        result.put("acked", responses.count());
        result.put("failed", failedInWindow);
        result.put("messagesPerSecond", arrived.sum() / seconds);
        result.put("responseP50Us", responses.percentile(50));
        result.put("responseP99Us", responses.percentile(99));
        result.put("serviceP50Us", services.percentile(50));
        result.put("serviceP99Us", services.percentile(99));
        result.put("ackedTotal", acked.sum()); // warm-up and drain included
        result.put("failedTotal", failed.sum());
        return result;
    }

    private long now() {
        return System.nanoTime() - start;
    }

    /** How many messages are due before this moment. */
    private long due(long at) {
        return (at * rate + 999_999_999L) / 1_000_000_000L;
    }

    private void waitUntil(long at) {
        for (long left = at - now(); left > 0; left = at - now()) {
            LockSupport.parkNanos(left);
        }
    }

    private void sendAsync(Semaphore inFlight) {
        while (true) {
            long planned = -1;
            if (rate > 0) {
                long number = next.getAndIncrement();
                planned = number * 1_000_000_000L / rate;
                if (planned > now()) {
                    waitUntil((planned + TICK - 1) / TICK * TICK);
                }
            }
            inFlight.acquireUninterruptibly();
            long called = now();
            if (called >= end) {
                inFlight.release();
                return;
            }
            long intended = planned < 0 ? called : planned;
            countSent(intended);
            try {
                producer.send(new Message(topic, body), new SendCallback() {
                    @Override
                    public void onSuccess(SendResult result) {
                        ended(result, intended, called);
                        inFlight.release();
                    }

                    @Override
                    public void onException(Throwable e) {
                        fail(e.toString());
                        inFlight.release();
                    }
                });
            } catch (Exception e) {
                fail(e.toString());
                inFlight.release();
            }
        }
    }

    private void sendSync() {
        while (true) {
            long planned = -1;
            if (rate > 0) {
                planned = next.getAndIncrement() * 1_000_000_000L / rate;
                waitUntil(planned);
            }
            long called = now();
            if (called >= end) {
                return;
            }
            long intended = planned < 0 ? called : planned;
            countSent(intended);
            try {
                ended(producer.send(new Message(topic, body)), intended, called);
            } catch (Exception e) {
                fail(e.toString());
            }
        }
    }

    private boolean inWindow(long at) {
        return at >= begin && at < end;
    }

    private void countSent(long intended) {
        if (inWindow(intended)) {
            sentInWindow.increment();
        }
    }

    private void ended(SendResult result, long intended, long called) {
        if (result.getSendStatus() != SendStatus.SEND_OK) {
            fail(result.getSendStatus().toString());
            return;
        }
        long now = now();
        acked.increment();
        if (inWindow(now)) {
            arrived.increment();
        }
        if (inWindow(intended)) {
            responses.record((now - intended) / 1000);
        }
        if (inWindow(called)) { // also of a client so far behind that nothing due in the window is begun in it
            services.record((now - called) / 1000);
        }
    }

    private void fail(String reason) {
        failed.increment();
        if (firstFailure.compareAndSet(null, reason)) {
            System.err.println("Peer: first failure: " + reason.lines().findFirst().orElse(""));
        }
    }

    /** Microseconds, exact up to 2,047, to a thousandth above; what takes longer than 16 s counts as that. */
    private static final class Histogram {
        private final AtomicLongArray counts = new AtomicLongArray(15 * 1024);

        void record(long us) {
            long value = Math.min(Math.max(us, 0), (1L << 24) - 1);
            int shift = Math.max(0, 53 - Long.numberOfLeadingZeros(value));
            counts.incrementAndGet((shift << 10) + (int) (value >> shift));
        }

        long count() {
            long sum = 0;
            for (int i = 0; i < counts.length(); i++) {
                sum += counts.get(i);
            }
            return sum;
        }

        /** Of nothing: -1. */
        long percentile(int percent) {
            long rank = (count() * percent + 99) / 100;
            long seen = 0;
            for (int i = 0; rank > 0 && i < counts.length(); i++) {
                seen += counts.get(i);
                if (seen >= rank) {
                    int shift = Math.max(0, (i >> 10) - 1);
                    return (long) (i - (shift << 10)) << shift;
                }
            }
            return -1;
        }
    }
}
