import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Makes each call of RocketMQ's client once, through `scripts/lib/record.py`, which is told what frames are to come
 * of it and keeps them. One source serves RocketMQ 4 and 5; what only one of them has is called by its name.
 */
public final class RecordedCalls {
    private static final String TOPIC = "Recorded";
    private static final String CLIENT_IP = "10.0.0.9";

    private interface Call {
        void make() throws Exception;
    }

    private final String namesrv;
    private final boolean is5;
    private final PrintStream toRecorder;
    private final BufferedReader fromRecorder;

    private RecordedCalls(String version, String namesrv, int control) throws Exception {
        this.namesrv = namesrv;
        is5 = version.startsWith("5.");
        var socket = new Socket("127.0.0.1", control);
        toRecorder = new PrintStream(socket.getOutputStream(), true, StandardCharsets.UTF_8);
        fromRecorder = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 3) {
            System.err.println("usage: RecordedCalls VERSION NAMESRV CONTROL_PORT   (scripts/golden --record runs it)");
            System.exit(2);
        }
        int code = 0;
        try {
            new RecordedCalls(args[0], args[1], Integer.parseInt(args[2])).run();
        } catch (Exception e) {
            e.printStackTrace();
            code = 1;
        }
        Runtime.getRuntime().halt(code);
    }

    /** Frames are named `CODE NAME`; returns when the recorder has all of them and their responses. */
    private void record(String what, Call call, String... frames) throws Exception {
        say(what + "\t" + String.join("\t", frames));
        call.make();
        say("done");
    }

    private void say(String line) throws Exception {
        toRecorder.println(line);
        String answer = fromRecorder.readLine();
        if (!"ok".equals(answer)) {
            throw new IllegalStateException(line + ": " + answer);
        }
    }

    private void run() throws Exception {
        var producer = configured(new DefaultMQProducer("recorded"), "producer");
        producer.start();
        record("createTopic(\"TBW102\", topic, 2)", () -> createTopic(producer), "17 create_topic");
        MessageQueue queue = null;
        while (queue == null) {
            try {
                queue = producer.fetchPublishMessageQueues(TOPIC).get(0);
            } catch (Exception e) { // not yet in the route
                Thread.sleep(100);
            }
        }
        record("fetchPublishMessageQueues(topic)", () -> producer.fetchPublishMessageQueues(TOPIC), "105 route");
        record("fetchPublishMessageQueues(unknown topic)", () -> refused(() -> producer.fetchPublishMessageQueues("NoSuchTopic")),
                "105 route_of_unknown_topic");
        sends(producer, queue);
        record("every heartbeatBrokerInterval", () -> { }, "34 heartbeat");
        admin(producer, queue);
        transactions();
        requests(producer);
        compressed();
        var signed = configured(new DefaultMQProducer("signed", new AclClientRPCHook(new SessionCredentials("rocketmq2", "12345678"))), "signed");
        signed.start();
        record("send(message), with AclClientRPCHook", () -> signed.send(plain()), "310 send_signed");
        record("shutdown()", producer::shutdown, "35 unregister");
    }

    private <P extends DefaultMQProducer> P configured(P producer, String instance) {
        producer.setNamesrvAddr(namesrv);
        producer.setClientIP(CLIENT_IP);
        producer.setInstanceName(instance);
        producer.setHeartbeatBrokerInterval(1000);
        producer.setSendMsgTimeout(10_000);
        return producer;
    }

    private static Message plain() {
        return new Message(TOPIC, "body".getBytes(StandardCharsets.UTF_8));
    }

    private static void createTopic(DefaultMQProducer producer) throws Exception {
        for (var method : DefaultMQProducer.class.getMethods()) {
            var types = method.getParameterTypes();
            if (method.getName().equals("createTopic") && types.length == 3) {
                method.invoke(producer, "TBW102", TOPIC, 2);
                return;
            }
            if (method.getName().equals("createTopic") && types.length == 4 && types[3] == Map.class) {
                method.invoke(producer, "TBW102", TOPIC, 2, null);
                return;
            }
        }
        throw new NoSuchMethodException("createTopic");
    }

    private static void refused(Call call) throws Exception {
        try {
            call.make();
        } catch (org.apache.rocketmq.client.exception.MQClientException e) {
            return;
        }
        throw new IllegalStateException("was to be refused");
    }

    private void sends(DefaultMQProducer producer, MessageQueue queue) throws Exception {
        record("send(message)", () -> producer.send(plain()), "310 send_sync");
        record("send(message, callback)", () -> {
            var answered = new CountDownLatch(1);
            producer.send(plain(), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    answered.countDown();
                }

                @Override
                public void onException(Throwable e) {
                    e.printStackTrace();
                }
            });
            answered.await();
        }, "310 send_async");
        record("sendOneway(message)", () -> producer.sendOneway(plain()), "310 send_oneway");
        record("send(message, queue)", () -> producer.send(plain(), queue), "310 send_to_queue");
        record("send(message with tags, keys, a property, flag 9, not to wait for the store)", () -> producer.send(labelled()),
                "310 send_labelled");
        record("send(message of delay level 2)", () -> {
            var message = plain();
            message.setDelayTimeLevel(2);
            producer.send(message);
        }, "310 send_delay_level");
        var batch = List.of(labelled(), new Message(TOPIC, "TagB", "second".getBytes(StandardCharsets.UTF_8)));
        batch.get(0).setWaitStoreMsgOK(true); // all of a batch or none
        record("send(two messages)", () -> producer.send(batch), "320 send_batch");
        if (is5) {
            record("send(message, setDelayTimeMs(4000))", () -> producer.send(timed("TIMER_DELAY_MS", 4000)), "310 send_timer_ms");
            record("send(message, setDelayTimeSec(4))", () -> producer.send(timed("TIMER_DELAY_SEC", 4)), "310 send_timer_s");
            var handle = new String[1];
            record("send(message, setDeliverTimeMs(in an hour))", () -> {
                var result = producer.send(timed("TIMER_DELIVER_MS", System.currentTimeMillis() + 3_600_000));
                handle[0] = (String) SendResult.class.getMethod("getRecallHandle").invoke(result);
            }, "310 send_timer_at");
            var recall = DefaultMQProducer.class.getMethod("recallMessage", String.class, String.class);
            record("recallMessage(topic, handle)", () -> recall.invoke(producer, TOPIC, handle[0]), "370 recall");
        }
    }

    private static Message labelled() {
        var message = new Message(TOPIC, "TagA", "key-1 key-2", 9, "labelled".getBytes(StandardCharsets.UTF_8), false);
        message.putUserProperty("note", "größe 世界");
        return message;
    }

    private static Message timed(String property, long value) {
        var message = plain();
        MessageAccessor.putProperty(message, property, Long.toString(value));
        return message;
    }

    private void compressed() throws Exception {
        var body = "compressible ".repeat(20).getBytes(StandardCharsets.UTF_8);
        for (var type : CompressionType.values()) {
            System.setProperty("rocketmq.message.compressType", type.name()); // 4.9.7 asks once, when a producer is made
            var producer = configured(new DefaultMQProducer("recorded"), type.name());
            producer.setCompressMsgBodyOverHowmuch(100);
            producer.start();
            record("send(message over compressMsgBodyOverHowmuch), " + type, () -> producer.send(new Message(TOPIC, body)),
                    "310 send_" + type.name().toLowerCase());
        }
    }

    private void admin(DefaultMQProducer producer, MessageQueue queue) throws Exception {
        record("minOffset(queue)", () -> producer.minOffset(queue), "31 min_offset");
        record("maxOffset(queue)", () -> producer.maxOffset(queue), "30 max_offset");
        record("searchOffset(queue, now)", () -> producer.searchOffset(queue, System.currentTimeMillis()), "29 search_offset");
        record("earliestMsgStoreTime(queue)", () -> producer.earliestMsgStoreTime(queue), "32 earliest_time");
        var sent = producer.send(labelled());
        // The id names the broker's own address; the recorder sits at the one of the route.
        var id = MessageDecoder.decodeMessageId(sent.getOffsetMsgId());
        String address = producer.getDefaultMQProducerImpl().getMqClientFactory().findBrokerAddressInPublish(queue.getBrokerName());
        var parts = address.split(":");
        String offsetId = MessageDecoder.createMessageId(new InetSocketAddress(parts[0], Integer.parseInt(parts[1])), id.getOffset());
        record("viewMessage(topic, offset id)", () -> producer.viewMessage(TOPIC, offsetId), "33 view_message");
        long now = System.currentTimeMillis();
        record("queryMessage(topic, key, 32, an hour ago, in an hour)", () -> {
            while (true) {
                try {
                    producer.queryMessage(TOPIC, "key-1", 32, now - 3_600_000, now + 3_600_000);
                    return;
                } catch (org.apache.rocketmq.client.exception.MQClientException e) { // not yet indexed
                    Thread.sleep(100);
                }
            }
        }, "12 query_message");
    }

    private void transactions() throws Exception {
        var producer = configured(new TransactionMQProducer("recorded-tx"), "transactions");
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object state) {
                return (LocalTransactionState) state;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                return LocalTransactionState.COMMIT_MESSAGE;
            }
        });
        producer.start();
        record("sendMessageInTransaction(message), committed",
                () -> producer.sendMessageInTransaction(plain(), LocalTransactionState.COMMIT_MESSAGE), "310 half", "37 end_commit");
        record("sendMessageInTransaction(message), rolled back",
                () -> producer.sendMessageInTransaction(plain(), LocalTransactionState.ROLLBACK_MESSAGE), "310 half_to_roll_back", "37 end_rollback");
        record("sendMessageInTransaction(message), unknown",
                () -> producer.sendMessageInTransaction(plain(), LocalTransactionState.UNKNOW), "310 half_unknown", "37 end_unknown");
        record("checkLocalTransaction(message), committed", () -> { }, "39 check", "37 end_commit_after_check");
    }

    private void requests(DefaultMQProducer producer) throws Exception {
        var consumer = new DefaultMQPushConsumer("recorded-consumer");
        consumer.setNamesrvAddr(namesrv);
        consumer.setClientIP(CLIENT_IP);
        consumer.setInstanceName("consumer");
        consumer.setHeartbeatBrokerInterval(1000);
        consumer.subscribe(TOPIC, "ask");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (var message : messages) {
                try {
                    producer.send(MessageUtil.createReplyMessage(message, "answer".getBytes(StandardCharsets.UTF_8)));
                } catch (Exception e) {
                    e.printStackTrace();
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        record("consumer.start()", consumer::start, "40 consumer_ids_changed");
        while (consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().isEmpty()) {
            Thread.sleep(20);
        }
        var ask = new Message(TOPIC, "ask", "question".getBytes(StandardCharsets.UTF_8));
        record("request(message, 20000), answered by send(createReplyMessage(...))", () -> producer.request(ask, 20_000),
                "310 request", "325 reply", "326 push_reply");
        var admin = new DefaultMQAdminExt();
        admin.setNamesrvAddr(namesrv);
        admin.setInstanceName("admin");
        admin.start();
        String client = consumer.getDefaultMQPushConsumerImpl().getmQClientFactory().getClientId();
        record("admin.getConsumerRunningInfo(group, client, false)",
                () -> admin.getConsumerRunningInfo("recorded-consumer", client, false), "307 running_info");
        if (!is5) { // brokers of 5.x do it themselves
            record("admin.resetOffsetByTimestamp(topic, group, now, true)",
                    () -> admin.resetOffsetByTimestamp(TOPIC, "recorded-consumer", System.currentTimeMillis(), true), "220 reset_offset");
        }
    }
}
