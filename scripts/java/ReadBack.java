import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.LongAdder;
import java.util.zip.CRC32;

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONObject;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** What a cluster holds, told by the official client: the tests believe this and not the program under test. */
@SuppressWarnings("deprecation") // the pull consumer: the only one that reads given offsets in RocketMQ 4 and 5 alike
public final class ReadBack {
    private static final List<String> READ_OPTIONS = List.of("--from", "--namespace", "--tags", "--sql");
    private static final String USAGE = """
            usage: ReadBack offsets NAMESRV TOPIC [--expect BROKER,...]     offsets as JSON; brokers expected but gone are unreachable
                   ReadBack read NAMESRV TOPIC OUTFILE [--from OFFSETS]     every message, one JSON line each; from `offsets` of before
                   ReadBack read NAMESRV TOPIC OUTFILE --namespace NAME     the same of a topic in a namespace
                   ReadBack read NAMESRV TOPIC OUTFILE [--tags EXPRESSION | --sql EXPRESSION]   those that a consumer with this filter gets
                   ReadBack wait-route NAMESRV TOPIC N [--timeout SECONDS]  until the route lists exactly N masters
                   ReadBack wait-route NAMESRV TOPIC BROKER,... [--timeout SECONDS]   until these are listed and answer
                   ReadBack create-topic NAMESRV TOPIC QUEUES               on every broker""";
    private static final int READERS = 8;
    private static final int BATCH = 32; // the broker gives no more at once

    public static void main(String[] args) {
        int code;
        try {
            code = run(args);
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage() + "\n" + USAGE);
            code = 2;
        } catch (Exception e) {
            System.err.println("ReadBack: " + e);
            code = 1;
        }
        System.out.flush();
        Runtime.getRuntime().halt(code); // an orderly end of the client takes seconds and changes nothing
    }

    private static int run(String[] args) throws Exception {
        if (args.length < 3) {
            throw new IllegalArgumentException("too few arguments");
        }
        var cluster = new Cluster(args[1]);
        String topic = args[2];
        switch (args[0]) {
            case "offsets" -> {
                String expect = option(args, 3, "--expect");
                System.out.println(JSON.toJSONString(offsets(cluster, topic, expect == null ? Set.of() : names(expect))));
            }
            case "read" -> {
                String kind = args.length > 4 && READ_OPTIONS.contains(args[4]) ? args[4] : "--from";
                String value = option(args, 4, kind);
                JSONObject begin = kind.equals("--from") && value != null ? JSON.parseObject(Files.readString(Path.of(value))) : null;
                var filter = switch (kind) {
                    case "--tags" -> MessageSelector.byTag(value);
                    case "--sql" -> MessageSelector.bySql(value);
                    default -> MessageSelector.byTag("*");
                };
                var consumer = new DefaultMQPullConsumer("rmq_bench_read_back", Cluster.account());
                consumer.setNamesrvAddr(args[1]);
                consumer.setNamespace(kind.equals("--namespace") ? value : null);
                System.out.println(JSON.toJSONString(read(cluster, consumer, topic, Path.of(args[3]), begin, filter)));
            }
            case "wait-route" -> {
                String timeout = option(args, 4, "--timeout");
                return waitRoute(cluster, topic, args[3], timeout == null ? 30 : Integer.parseInt(timeout)) ? 0 : 1;
            }
            case "create-topic" -> {
                option(args, 4, "");
                createTopic(cluster, topic, Integer.parseInt(args[3]));
            }
            default -> throw new IllegalArgumentException("unknown command " + args[0]);
        }
        return 0;
    }

    /** The value of the only option that may follow the positional arguments. */
    private static String option(String[] args, int positional, String name) {
        if (args.length == positional) {
            return null;
        }
        if (args.length != positional + 2 || !args[positional].equals(name)) {
            throw new IllegalArgumentException("arguments not understood");
        }
        return args[positional + 1];
    }

    private static Set<String> names(String commaSeparated) {
        return new TreeSet<>(Arrays.asList(commaSeparated.split(",")));
    }

    private static Map<String, Object> offsets(Cluster cluster, String topic, Set<String> expected) throws Exception {
        var masters = cluster.masters(topic);
        if (masters.isEmpty()) {
            System.err.println("ReadBack: topic " + topic + " has no route, which counts as empty");
        }
        var stats = cluster.stats(topic, masters, true);
        stats.unreachable().forEach((name, reason) -> System.err.println("ReadBack: " + name + ": " + reason));

        var brokers = new LinkedHashMap<String, Object>();
        long total = 0;
        for (var broker : stats.queues().entrySet()) {
            var queues = new LinkedHashMap<String, Long>();
            long sum = 0;
            for (var queue : broker.getValue().entrySet()) {
                long max = queue.getValue().max();
                if (max > 0) {
                    queues.put(queue.getKey().toString(), max);
                    sum += max;
                }
            }
            var entry = new LinkedHashMap<String, Object>();
            entry.put("sum", sum);
            entry.put("queues", queues);
            brokers.put(broker.getKey(), entry);
            total += sum;
        }

        // A killed broker leaves the route at once, so its absence shows only to those who know that it should be there.
        var unreachable = new TreeSet<>(stats.unreachable().keySet());
        if (!masters.keySet().containsAll(expected)) {
            var known = cluster.masters().keySet();
            expected.stream().filter(name -> !known.contains(name)).forEach(unreachable::add);
        }

        var result = new LinkedHashMap<String, Object>();
        result.put("topic", topic);
        result.put("brokers", brokers);
        result.put("total", total);
        if (!unreachable.isEmpty()) {
            result.put("unreachable", unreachable);
        }
        return result;
    }

    private static boolean waitRoute(Cluster cluster, String topic, String wanted, int seconds) throws Exception {
        Set<String> names = wanted.matches("[0-9]+") ? null : names(wanted);
        long deadline = System.nanoTime() + seconds * 1_000_000_000L;
        String last;
        do {
            try {
                var masters = cluster.masters(topic);
                last = "the route lists " + masters.keySet();
                if (names == null && masters.size() == Integer.parseInt(wanted)) {
                    return true;
                }
                if (names != null && masters.keySet().containsAll(names)) {
                    var asked = new TreeMap<>(masters);
                    asked.keySet().retainAll(names);
                    var silent = cluster.stats(topic, asked, false).unreachable();
                    if (silent.isEmpty()) {
                        return true;
                    }
                    last = "no answer from " + silent;
                }
            } catch (InterruptedException e) {
                throw e;
            } catch (Exception e) { // a name server that is still starting
                last = e.toString();
            }
            Thread.sleep(100);
        } while (System.nanoTime() < deadline);
        System.err.println("ReadBack: waited " + seconds + " s for " + wanted + ", but " + last);
        return false;
    }

    private static void createTopic(Cluster cluster, String topic, int queues) throws Exception {
        var masters = cluster.masters();
        if (masters.isEmpty()) {
            throw new IllegalStateException("the cluster has no broker");
        }
        for (String address : masters.values()) {
            cluster.createTopic(address, topic, queues);
        }
        if (!waitRoute(cluster, topic, String.join(",", masters.keySet()), 30)) {
            throw new IllegalStateException("topic " + topic + " is not in the route of every broker");
        }
    }

    /** A queue's messages from begin (included) to end (excluded). */
    private record Slice(String broker, int queue, long begin, long end) {}

    private static Map<String, Object> read(Cluster cluster, DefaultMQPullConsumer consumer, String topic, Path out,
            JSONObject from, MessageSelector filter) throws Exception {
        var slices = slices(cluster, consumer.withNamespace(topic), from);
        consumer.start();
        // It asks for a filter only of brokers that have answered its heartbeat.
        var client = consumer.getDefaultMQPullConsumerImpl().getRebalanceImpl().getmQClientFactory();
        client.updateTopicRouteInfoFromNameServer(consumer.withNamespace(topic));
        client.sendHeartbeatToAllBrokerWithLock();

        Set<String> ids = ConcurrentHashMap.newKeySet();
        var messages = new LongAdder();
        var bytes = new LongAdder();
        ExecutorService readers = Executors.newFixedThreadPool(READERS);
        try (BufferedWriter writer = Files.newBufferedWriter(out)) {
            var running = new ArrayList<Future<?>>();
            for (var slice : slices) {
                running.add(readers.submit(() -> {
                    pull(consumer, topic, slice, filter, batch -> {
                        var lines = new StringBuilder();
                        for (var message : batch) {
                            var line = describe(slice, message);
                            lines.append(JSON.toJSONString(line)).append('\n');
                            messages.increment();
                            bytes.add((int) line.get("bodySize"));
                            if (line.get("msgId") != null) {
                                ids.add((String) line.get("msgId"));
                            }
                        }
                        synchronized (writer) {
                            writer.append(lines);
                        }
                    });
                    return null;
                }));
            }
            for (var reader : running) {
                reader.get();
            }
        }

        var summary = new LinkedHashMap<String, Object>();
        summary.put("messages", messages.sum());
        summary.put("distinctIds", ids.size());
        summary.put("bytes", bytes.sum());
        return summary;
    }

    /** What there is to read now. Everything that would make the answer incomplete is an error. */
    private static List<Slice> slices(Cluster cluster, String topic, JSONObject from) throws Exception {
        var stats = cluster.stats(topic, cluster.masters(topic), true);
        if (!stats.unreachable().isEmpty()) {
            throw new IllegalStateException("incomplete: " + stats.unreachable());
        }
        var slices = new ArrayList<Slice>();
        for (var broker : stats.queues().entrySet()) {
            String name = broker.getKey();
            if (from != null && from.getJSONArray("unreachable") != null && from.getJSONArray("unreachable").contains(name)) {
                throw new IllegalStateException(name + " was unreachable when the offsets were taken: nowhere to begin");
            }
            for (var queue : broker.getValue().entrySet()) {
                long min = queue.getValue().min();
                long max = queue.getValue().max();
                long begin = from == null ? min : recorded(from, name, queue.getKey());
                if (begin < min || begin > max) {
                    throw new IllegalStateException("%s queue %d holds offsets %d to %d, but was to be read from %d"
                            .formatted(name, queue.getKey(), min, max, begin));
                }
                if (begin < max) {
                    slices.add(new Slice(name, queue.getKey(), begin, max));
                }
            }
        }
        return slices;
    }

    /** The offset that an earlier `offsets` saw; it leaves out what was zero. */
    private static long recorded(JSONObject from, String broker, int queue) {
        JSONObject entry = from.getJSONObject("brokers").getJSONObject(broker);
        return entry == null ? 0 : entry.getJSONObject("queues").getLongValue(Integer.toString(queue));
    }

    private interface Batches {
        void accept(List<MessageExt> batch) throws Exception;
    }

    private static void pull(DefaultMQPullConsumer consumer, String topic, Slice slice, MessageSelector filter, Batches batches)
            throws Exception {
        var queue = new MessageQueue(topic, slice.broker, slice.queue);
        long next = slice.begin;
        int idle = 0;
        while (next < slice.end) {
            var result = consumer.pull(queue, filter, next, BATCH);
            if (result.getPullStatus() == PullStatus.FOUND) {
                batches.accept(result.getMsgFoundList().stream().filter(m -> m.getQueueOffset() < slice.end).toList());
            }
            // The offsets were there when asked for, so anything else is passing: a busy broker, an index being built.
            if (result.getNextBeginOffset() > next) {
                idle = 0;
            } else if (++idle > 100) {
                throw new IllegalStateException("%s queue %d: no message at offset %d: %s"
                        .formatted(slice.broker, slice.queue, next, result.getPullStatus()));
            } else {
                Thread.sleep(50);
            }
            next = Math.max(next, result.getNextBeginOffset());
        }
    }

    private static Map<String, Object> describe(Slice slice, MessageExt message) throws Exception {
        byte[] body = message.getBody() == null ? new byte[0] : message.getBody();
        var crc = new CRC32();
        crc.update(body);
        var properties = new TreeMap<>(message.getProperties());
        properties.remove(MessageConst.PROPERTY_MIN_OFFSET); // added by the pulling client, not stored
        properties.remove(MessageConst.PROPERTY_MAX_OFFSET);

        var line = new LinkedHashMap<String, Object>();
        line.put("broker", slice.broker);
        line.put("topic", message.getTopic());
        line.put("queueId", message.getQueueId());
        line.put("queueOffset", message.getQueueOffset());
        line.put("msgId", properties.get(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX));
        line.put("offsetMsgId", MessageDecoder.createMessageId(message.getStoreHost(), message.getCommitLogOffset()));
        line.put("bodySize", body.length);
        line.put("bodyCrc32", crc.getValue());
        line.put("bodySha256First16", HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body), 0, 16));
        line.put("properties", properties);
        line.put("bornTimestamp", message.getBornTimestamp());
        line.put("sysFlag", message.getSysFlag());
        line.put("flag", message.getFlag());
        line.put("storeSize", message.getStoreSize());
        line.put("storeTimestamp", message.getStoreTimestamp());
        return line;
    }
}
