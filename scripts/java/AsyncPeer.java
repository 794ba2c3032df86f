import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;

import com.alibaba.fastjson.JSON;
import com.sun.management.OperatingSystemMXBean;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.message.Message;

/**
 * The comparison peer: the official client, sending asynchronously with a fixed number of sends in flight.
 *
 * A closed loop, as the official benchmark is one. Compression is off, as there, and everything else is the client's default.
 */
public final class AsyncPeer {
    private static final String USAGE = """
            usage: AsyncPeer --namesrv HOST:PORT [--topic BenchmarkTest] [--size 1024] [--permits 512]
                             [--warmup 10s] [--duration 10s] [--header rocketmq|json]""";
    /** Exact to the microsecond; what takes longer than this counts as this. */
    private static final int MAX_RESPONSE_US = 10_000_000;

    private final AtomicIntegerArray responses = new AtomicIntegerArray(MAX_RESPONSE_US + 1);
    private final LongAdder acked = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final AtomicReference<String> firstFailure = new AtomicReference<>();
    private volatile boolean measuring;
    private volatile boolean sending = true;

    public static void main(String[] args) {
        int code = 0;
        try {
            var options = options(args);
            // Read once, when the client's classes are loaded. The official benchmark sets the binary header too.
            System.setProperty("rocketmq.serialize.type", options.get("--header").toUpperCase());
            var peer = new AsyncPeer();
            System.out.println(JSON.toJSONString(peer.run(options)));
            code = peer.acked.sum() == 0 ? 1 : 0;
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage() + "\n" + USAGE);
            code = 2;
        } catch (Exception e) {
            System.err.println("AsyncPeer: " + e);
            code = 1;
        }
        System.out.flush();
        Runtime.getRuntime().halt(code); // an orderly end of the client takes seconds and changes nothing
    }

    private static Map<String, String> options(String[] args) {
        var options = new HashMap<>(Map.of("--topic", "BenchmarkTest", "--size", "1024", "--permits", "512",
                "--warmup", "10s", "--duration", "10s", "--header", "rocketmq", "--namesrv", ""));
        for (int i = 0; i < args.length; i += 2) {
            if (i + 1 == args.length || options.replace(args[i], args[i + 1]) == null) {
                throw new IllegalArgumentException("not understood: " + args[i]);
            }
        }
        if (options.get("--namesrv").isEmpty()) {
            throw new IllegalArgumentException("--namesrv is needed");
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
        int size = Integer.parseInt(options.get("--size"));
        int permits = Integer.parseInt(options.get("--permits"));
        long warmup = nanos(options.get("--warmup"));
        long duration = nanos(options.get("--duration"));

        var producer = new DefaultMQProducer("rmq_bench_async_peer");
        producer.setNamesrvAddr(options.get("--namesrv"));
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.start();

        byte[] body = new byte[size];
        Arrays.fill(body, (byte) 'a');
        var inFlight = new Semaphore(permits);
        var sender = new Thread(() -> send(producer, options.get("--topic"), body, inFlight), "sender");
        sender.start();

        TimeUnit.NANOSECONDS.sleep(warmup);
        var os = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long failedBefore = failed.sum();
        long cpuBefore = os.getProcessCpuTime();
        long begin = System.nanoTime();
        measuring = true;
        TimeUnit.NANOSECONDS.sleep(duration);
        measuring = false;
        double seconds = (System.nanoTime() - begin) / 1e9;
        double cpuUs = (os.getProcessCpuTime() - cpuBefore) / 1e3;
        long failedInWindow = failed.sum() - failedBefore;

        // Let the last replies come in, so that the totals tell what the broker holds.
        sending = false;
        sender.join();
        inFlight.tryAcquire(permits, 10, TimeUnit.SECONDS);

        long ackedInWindow = 0;
        for (int us = 0; us <= MAX_RESPONSE_US; us++) {
            ackedInWindow += responses.get(us);
        }
        var result = new LinkedHashMap<String, Object>();
        result.put("client", "java " + MQVersion.getVersionDesc(MQVersion.CURRENT_VERSION));
        result.put("header", options.get("--header"));
        result.put("topic", options.get("--topic"));
        result.put("size", size);
        result.put("permits", permits);
        result.put("seconds", seconds);
        result.put("acked", ackedInWindow);
        result.put("failed", failedInWindow);
        result.put("messagesPerSecond", ackedInWindow / seconds);
        if (ackedInWindow > 0) {
            result.put("cpuUsPerMessage", cpuUs / ackedInWindow);
            result.put("responseP50Us", percentile(50, ackedInWindow));
            result.put("responseP99Us", percentile(99, ackedInWindow));
        }
        result.put("maxRssBytes", maxRssBytes());
        result.put("ackedTotal", acked.sum()); // warm-up and drain included
        result.put("failedTotal", failed.sum());
        return result;
    }

    private void send(DefaultMQProducer producer, String topic, byte[] body, Semaphore inFlight) {
        while (sending) {
            inFlight.acquireUninterruptibly();
            long begin = System.nanoTime();
            try {
                producer.send(new Message(topic, body), new SendCallback() {
                    @Override
                    public void onSuccess(SendResult result) {
                        if (result.getSendStatus() == SendStatus.SEND_OK) {
                            acked.increment();
                            if (measuring) {
                                long us = (System.nanoTime() - begin) / 1000;
                                responses.incrementAndGet((int) Math.min(us, MAX_RESPONSE_US));
                            }
                        } else {
                            fail(result.getSendStatus().toString());
                        }
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

    private void fail(String reason) {
        failed.increment();
        if (firstFailure.compareAndSet(null, reason)) {
            System.err.println("AsyncPeer: first failure: " + reason.lines().findFirst().orElse(""));
        }
    }

    private int percentile(int percent, long count) {
        long rank = (count * percent + 99) / 100;
        int us = 0;
        for (long seen = responses.get(0); seen < rank; seen += responses.get(us)) {
            us++;
        }
        return us;
    }

    private static long maxRssBytes() throws Exception {
        try (var status = Files.lines(Path.of("/proc/self/status"))) {
            return status.filter(line -> line.startsWith("VmHWM:")).findFirst()
                    .map(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024).orElseThrow();
        }
    }
}
