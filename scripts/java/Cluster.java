import java.util.ArrayList;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;

import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.client.impl.MQClientManager;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.remoting.RPCHook;

/**
 * The few questions that the tools ask a cluster.
 *
 * One source serves RocketMQ 4 and 5. Many of their types moved to other packages in between, so those are never named
 * here: `var` takes what the method returns. For the same reason this uses the API below `DefaultMQAdminExt`, which can
 * ask a single broker in both versions.
 */
final class Cluster {
    private static final long TIMEOUT_MS = 3000;
    private static final long INDEXING_MS = 60_000;
    private static final long MASTER = 0L;
    private static final int TOPIC_NOT_EXIST = 17;

    /** First and next offset of a queue. */
    record Range(long min, long max) {}

    /** The queues of every broker that answered, and why the others did not. */
    record Stats(Map<String, Map<Integer, Range>> queues, Map<String, String> unreachable) {}

    private final MQClientAPIImpl api;

    Cluster(String namesrv) throws MQClientException {
        var config = new ClientConfig();
        config.setNamesrvAddr(namesrv);
        config.setInstanceName("rmq-bench-tools-" + ProcessHandle.current().pid());
        var client = MQClientManager.getInstance().getOrCreateMQClientInstance(config, account());
        client.start();
        api = client.getMQClientAPIImpl();
    }

    /** Signs requests for the account of a cluster with access control; null where there is none. */
    static RPCHook account() {
        String account = System.getenv().getOrDefault("ROCKETMQ_ACCOUNT", "");
        if (account.isEmpty()) {
            return null;
        }
        String[] parts = account.split(":", 2);
        return new AclClientRPCHook(new SessionCredentials(parts[0], parts[1]));
    }

    /** Name and address of every master in the route of the topic; none when the topic does not exist. */
    Map<String, String> masters(String topic) throws Exception {
        var masters = new TreeMap<String, String>();
        try {
            for (var broker : api.getTopicRouteInfoFromNameServer(topic, TIMEOUT_MS).getBrokerDatas()) {
                addMaster(masters, broker.getBrokerName(), broker.getBrokerAddrs());
            }
        } catch (MQClientException e) {
            if (e.getResponseCode() != TOPIC_NOT_EXIST) {
                throw e;
            }
        }
        return masters;
    }

    /** Name and address of every master that the name server knows, whatever its topics. */
    Map<String, String> masters() throws Exception {
        var masters = new TreeMap<String, String>();
        for (var broker : api.getBrokerClusterInfo(TIMEOUT_MS).getBrokerAddrTable().values()) {
            addMaster(masters, broker.getBrokerName(), broker.getBrokerAddrs());
        }
        return masters;
    }

    private static void addMaster(Map<String, String> masters, String name, Map<Long, String> addresses) {
        String address = addresses.get(MASTER);
        if (address != null) {
            masters.put(name, address);
        }
    }

    /**
     * Asks all masters at once, for all queues in one request: a topic may have a thousand queues, and a dead broker costs a timeout.
     * `settled` includes every message acknowledged so far, which may take a while; see awaitIndexed.
     */
    Stats stats(String topic, Map<String, String> masters, boolean settled) throws InterruptedException {
        var queues = new ConcurrentSkipListMap<String, Map<Integer, Range>>();
        var unreachable = new ConcurrentSkipListMap<String, String>();
        var threads = new ArrayList<Thread>();
        masters.forEach((name, address) -> threads.add(new Thread(() -> {
            try {
                if (settled) {
                    awaitIndexed(address);
                }
                queues.put(name, queues(topic, address));
            } catch (Exception e) {
                unreachable.put(name, e.toString());
            }
        })));
        threads.forEach(Thread::start);
        for (var thread : threads) {
            thread.join();
        }
        return new Stats(queues, unreachable);
    }

    /**
     * A broker acknowledges a message when it is in the commit log and puts it into its queue afterwards, under load many
     * seconds later. So this waits until all that was in the log when asked has reached its queue.
     */
    private void awaitIndexed(String address) throws Exception {
        long deadline = System.nanoTime() + INDEXING_MS * 1_000_000;
        String last;
        long wanted = -1;
        do {
            try {
                var info = api.getBrokerRuntimeInfo(address, TIMEOUT_MS).getTable();
                long stored = Long.parseLong(info.get("commitLogMaxOffset"));
                long behind = Long.parseLong(info.get("dispatchBehindBytes"));
                wanted = wanted < 0 ? stored : wanted;
                if (stored - behind >= wanted) {
                    return;
                }
                last = behind + " bytes not yet in their queues";
            } catch (MQBrokerException e) { // RocketMQ 4 in its first second, before it has statistics to tell
                last = e.getErrorMessage();
            }
            Thread.sleep(50);
        } while (System.nanoTime() < deadline);
        throw new IllegalStateException("waited " + INDEXING_MS / 1000 + " s: " + last);
    }

    private Map<Integer, Range> queues(String topic, String address) throws Exception {
        var queues = new TreeMap<Integer, Range>();
        try {
            var table = api.getTopicStatsInfo(address, topic, TIMEOUT_MS).getOffsetTable();
            table.forEach((queue, offsets) ->
                    queues.put(queue.getQueueId(), new Range(offsets.getMinOffset(), offsets.getMaxOffset())));
        } catch (MQBrokerException e) {
            if (e.getResponseCode() != TOPIC_NOT_EXIST) {
                throw e;
            }
        }
        return queues;
    }

    void createTopic(String address, String topic, int queues) throws Exception {
        api.createTopic(address, "TBW102", new TopicConfig(topic, queues, queues, 6), TIMEOUT_MS);
    }
}
