import java.lang.reflect.Array;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import io.netty.buffer.Unpooled;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.trace.TraceBean;
import org.apache.rocketmq.client.trace.TraceContext;
import org.apache.rocketmq.client.trace.TraceDataEncoder;
import org.apache.rocketmq.client.trace.TraceType;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageType;
import org.apache.rocketmq.remoting.CommandCustomHeader;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;
import org.apache.rocketmq.remoting.protocol.SerializeType;

/**
 * Frames of fixed content, encoded by RocketMQ's own library: the reference that `tests/golden.rs` holds ours to.
 *
 * One source serves RocketMQ 4 and 5; types that moved to other packages in between are looked up by their simple name.
 * Whatever goes into the frames has one order in all runs, so that they are the same byte for byte.
 */
public final class GoldenFrames {
    private static final List<String> PACKAGES = List.of("header.", "header.namesrv.", "heartbeat.", "route.");
    private static final String UNIQUE_ID = "0A00000904D218B4AAC205265C000007";
    private static final String OFFSET_ID = MessageDecoder.createMessageId(new InetSocketAddress("10.0.0.1", 10911), 123_456_789_012L);

    /** A command is made anew for each frame: encoding changes it. */
    private interface Maker {
        RemotingCommand make() throws Exception;
    }

    public static void main(String[] args) throws Exception {
        // Every client and server sets it on start; without it a frame claims version 0.
        System.setProperty(RemotingCommand.REMOTING_VERSION_KEY, Integer.toString(MQVersion.CURRENT_VERSION));

        var properties = MessageDecoder.messageProperties2String(properties());
        text("properties", properties);
        text("offset_message_id", OFFSET_ID);

        var send = bean("SendMessageRequestHeader", Map.ofEntries(
                Map.entry("ProducerGroup", "group-ä"), Map.entry("Topic", "GoldenTopic"), Map.entry("DefaultTopic", "TBW102"),
                Map.entry("DefaultTopicQueueNums", 4), Map.entry("QueueId", 3), Map.entry("SysFlag", 0),
                Map.entry("BornTimestamp", 1_700_000_000_123L), Map.entry("Flag", 9), Map.entry("Properties", properties),
                Map.entry("ReconsumeTimes", 0), Map.entry("UnitMode", false), Map.entry("Batch", false), Map.entry("Bname", "broker-a")));
        var body = new byte[] {0, 1, 2, '{', '"', 10, 127, (byte) 128, (byte) 255};
        // As a producer does: it fills the long names and has them turned into letters.
        var sendV2 = type("SendMessageRequestHeaderV2");
        frames("send_v2", () -> request(310, 77,
                sendV2.getMethod("createSendMessageRequestHeaderV2", send.getClass()).invoke(null, send), body));
        frames("send_oneway", () -> {
            var command = request(10, Integer.MAX_VALUE, send, body);
            command.markOnewayRPC();
            return command;
        });

        frames("send_ok", () -> sendReply(0));
        frames("send_flush_disk_timeout", () -> sendReply(10));
        frames("topic_not_exist", () -> {
            var command = RemotingCommand.createResponseCommand(17, "No topic \"Gölden\\Topic\",\n\tsee 世界 😀");
            command.setOpaque(78);
            return command;
        });

        var query = bean("GetRouteInfoRequestHeader", Map.of("Topic", "GoldenTopic", "AcceptStandardJsonOnly", true));
        frames("route_request", () -> request(105, 79, query, null));
        frames("route_reply", () -> routeReply(standardJson(route())));
        frames("route_reply_legacy", () -> routeReply(route().encode()));

        var producer = bean("ProducerData", Map.of("GroupName", "group-ä"));
        var heartbeat = bean("HeartbeatData", Map.of("ClientID", "10.0.0.9@1234#5", "ProducerDataSet", Set.of(producer)));
        frames("heartbeat", () -> request(34, 80, null, ((RemotingSerializable) heartbeat).encode()));
        var leave = bean("UnregisterClientRequestHeader", Map.of("ClientID", "10.0.0.9@1234#5", "ProducerGroup", "group-ä"));
        frames("unregister", () -> request(35, 81, leave, null));

        // As far as the version knows these fields.
        var end = beanAsFar("EndTransactionRequestHeader", Map.of("Topic", "GoldenTopic", "ProducerGroup", "group-ä",
                "TranStateTableOffset", 5_000_000_000L, "CommitLogOffset", 123_456_789_012L, "CommitOrRollback", 8,
                "FromTransactionCheck", true, "MsgId", UNIQUE_ID, "TransactionId", UNIQUE_ID, "Bname", "broker-a"));
        frames("end_transaction", () -> {
            var command = request(37, 82, end, null);
            command.markOnewayRPC();
            return command;
        });
        var check = beanAsFar("CheckTransactionStateRequestHeader", Map.of("Topic", "GoldenTopic",
                "TranStateTableOffset", 5_000_000_000L, "CommitLogOffset", 123_456_789_012L, "MsgId", UNIQUE_ID,
                "TransactionId", UNIQUE_ID, "OffsetMsgId", OFFSET_ID, "Bname", "broker-a"));
        var stored = MessageDecoder.encode(stored(), false);
        frames("check_transaction", () -> {
            var command = request(39, 83, check, stored);
            command.markOnewayRPC();
            return command;
        });

        var signing = new AclClientRPCHook(new SessionCredentials("rocketmq2", "12345678"));
        frames("signed", () -> {
            var command = request(35, 84, leave, body);
            signing.doBeforeRequest("10.0.0.1:10911", command);
            return command;
        });

        traces();
    }

    /** Records of a message trace, and the keys they are found by. */
    private static void traces() {
        var sent = trace(TraceType.Pub, "tag-a", "key-1 key-2", MessageType.Normal_Msg);
        sent.setCostTime(17);
        sent.getTraceBeans().get(0).setBodyLength(1024);
        sent.getTraceBeans().get(0).setOffsetMsgId(OFFSET_ID);
        record("trace_sent", sent);
        var keys = TraceDataEncoder.encoderFromContextBean(sent).getTransKey();
        text("trace_keys", String.join(" ", new TreeSet<>(keys)));

        var bare = trace(TraceType.Pub, null, null, MessageType.Delay_Msg);
        bare.setSuccess(false);
        record("trace_sent_bare", bare);

        for (var state : LocalTransactionState.values()) {
            var end = trace(TraceType.EndTransaction, "größe", "世界 😀", MessageType.Trans_msg_Commit);
            var bean = end.getTraceBeans().get(0);
            bean.setTransactionId(UNIQUE_ID);
            bean.setTransactionState(state);
            bean.setFromTransactionCheck(state == LocalTransactionState.UNKNOW);
            record("trace_end_" + state.name().toLowerCase(), end);
        }
    }

    private static TraceContext trace(TraceType type, String tags, String keys, MessageType kind) {
        var bean = new TraceBean();
        bean.setTopic("GoldenTopic");
        bean.setMsgId(UNIQUE_ID);
        bean.setTags(tags);
        bean.setKeys(keys);
        bean.setStoreHost("10.0.0.1:10911");
        bean.setMsgType(kind);
        var context = new TraceContext();
        context.setTraceType(type);
        context.setTimeStamp(1_700_000_000_123L);
        context.setRegionId("DefaultRegion");
        context.setGroupName("group-ä");
        context.setTraceBeans(List.of(bean));
        return context;
    }

    private static void record(String name, TraceContext context) {
        text(name, TraceDataEncoder.encoderFromContextBean(context).getTransData());
    }

    /** A message as a broker stores it. */
    private static MessageExt stored() {
        var message = new MessageExt();
        message.setTopic("GoldenTopic");
        message.setQueueId(3);
        message.setFlag(9);
        message.setQueueOffset(5_000_000_000L);
        message.setCommitLogOffset(123_456_789_012L);
        message.setBornTimestamp(1_700_000_000_123L);
        message.setBornHost(new InetSocketAddress("10.0.0.9", 40000));
        message.setStoreTimestamp(1_700_000_000_124L);
        message.setStoreHost(new InetSocketAddress("10.0.0.1", 10911));
        message.setReconsumeTimes(2);
        message.setPreparedTransactionOffset(7);
        message.setBody("hi".getBytes(StandardCharsets.UTF_8));
        message.setBodyCRC(UtilAll.crc32(message.getBody()));
        MessageAccessor.setProperties(message, properties());
        return message;
    }

    private static Map<String, String> properties() {
        var properties = new LinkedHashMap<String, String>();
        properties.put("UNIQ_KEY", UNIQUE_ID);
        properties.put("TAGS", "tag-a");
        properties.put("KEYS", "key-1 key-2");
        properties.put("note", "\"größe\" 世界 😀");
        return properties;
    }

    private static RemotingCommand request(int code, int opaque, Object header, byte[] body) {
        var command = RemotingCommand.createRequestCommand(code, (CommandCustomHeader) header);
        command.setOpaque(opaque);
        command.setBody(body);
        return command;
    }

    /** As a broker fills it. */
    private static RemotingCommand sendReply(int code) throws Exception {
        var command = RemotingCommand.createResponseCommand(type("SendMessageResponseHeader").asSubclass(CommandCustomHeader.class));
        set(command.readCustomHeader(), Map.of(
                "MsgId", OFFSET_ID, "QueueId", 3, "QueueOffset", 5_000_000_000L, "TransactionId", UNIQUE_ID));
        command.addExtField("MSG_REGION", "DefaultRegion");
        command.addExtField("TRACE_ON", "true");
        command.setCode(code);
        command.setOpaque(77);
        command.setRemark(null);
        return command;
    }

    private static RemotingCommand routeReply(byte[] body) {
        var command = RemotingCommand.createResponseCommand(0, null);
        command.setOpaque(79);
        command.setBody(body);
        return command;
    }

    private static RemotingSerializable route() throws Exception {
        var a = bean("BrokerData", Map.of("Cluster", "Clüster", "BrokerName", "broker-a", "BrokerAddrs",
                new HashMap<>(Map.of(0L, "10.0.0.1:10911", 1L, "10.0.0.2:10911"))));
        var b = bean("BrokerData", Map.of("Cluster", "Clüster", "BrokerName", "broker-b", "BrokerAddrs",
                new HashMap<>(Map.of(0L, "10.0.0.3:10911"))));
        return (RemotingSerializable) bean("TopicRouteData", Map.of(
                "OrderTopicConf", "broker-a:8;broker-b:4",
                "BrokerDatas", List.of(a, b),
                "QueueDatas", List.of(queues("broker-a", 8, 6), queues("broker-b", 4, 4)),
                "FilterServerTable", new HashMap<>()));
    }

    private static Object queues(String broker, int count, int permission) throws Exception {
        return bean("QueueData", Map.of("BrokerName", broker, "ReadQueueNums", count, "WriteQueueNums", count,
                "Perm", permission, "TopicSysFlag", 0));
    }

    /** What a name server answers to whoever asks for standard JSON, with the options it gives the encoder. */
    private static byte[] standardJson(RemotingSerializable route) throws Exception {
        var wanted = List.of("BrowserCompatible", "QuoteFieldNames", "SkipTransientField", "MapSortField");
        for (var method : route.getClass().getMethods()) {
            if (method.getName().equals("encode") && method.isVarArgs()) {
                var option = method.getParameterTypes()[0].getComponentType();
                // RocketMQ 5's JSON library does two of them always and has no such option.
                var options = Arrays.stream(option.getEnumConstants()).filter(one -> wanted.contains(one.toString())).toArray();
                var array = Array.newInstance(option, options.length);
                System.arraycopy(options, 0, array, 0, options.length);
                return (byte[]) method.invoke(route, array);
            }
        }
        throw new NoSuchMethodException("encode with options");
    }

    /** `encode` in both serialisations, and the binary one as the network layer writes it, which takes a path of its own. */
    private static void frames(String name, Maker maker) throws Exception {
        for (var form : SerializeType.values()) {
            var command = maker.make();
            command.setSerializeTypeCurrentRPC(form);
            print(name + "/" + form.toString().toLowerCase(), command.encode());
        }
        var command = maker.make();
        command.setSerializeTypeCurrentRPC(SerializeType.ROCKETMQ);
        var out = Unpooled.buffer();
        command.fastEncodeHeader(out);
        if (command.getBody() != null) {
            out.writeBytes(command.getBody());
        }
        print(name + "/netty", out.nioBuffer());
    }

    private static void text(String name, String text) {
        print(name, StandardCharsets.UTF_8.encode(text));
    }

    private static void print(String name, ByteBuffer bytes) {
        var copy = new byte[bytes.remaining()];
        bytes.get(copy);
        System.out.println("{\"name\": \"" + name + "\", \"hex\": \"" + HexFormat.of().formatHex(copy) + "\"}");
    }

    private static Class<?> type(String simpleName) throws ClassNotFoundException {
        for (var root : List.of("org.apache.rocketmq.remoting.protocol.", "org.apache.rocketmq.common.protocol.")) {
            for (var name : PACKAGES) {
                try {
                    return Class.forName(root + name + simpleName);
                } catch (ClassNotFoundException e) {
                    // in another package
                }
            }
        }
        throw new ClassNotFoundException(simpleName);
    }

    private static Object bean(String simpleName, Map<String, Object> values) throws Exception {
        var bean = type(simpleName).getConstructor().newInstance();
        set(bean, values);
        return bean;
    }

    private static Object beanAsFar(String simpleName, Map<String, Object> values) throws Exception {
        var bean = type(simpleName).getConstructor().newInstance();
        var setters = Arrays.stream(bean.getClass().getMethods()).map(method -> method.getName()).toList();
        for (var entry : values.entrySet()) {
            if (setters.contains("set" + entry.getKey())) {
                set(bean, Map.of(entry.getKey(), entry.getValue()));
            }
        }
        return bean;
    }

    private static void set(Object bean, Map<String, Object> values) throws Exception {
        for (var entry : values.entrySet()) {
            var setter = Arrays.stream(bean.getClass().getMethods())
                    .filter(method -> method.getName().equals("set" + entry.getKey()))
                    .findFirst().orElseThrow(() -> new NoSuchMethodException(bean.getClass() + ": " + entry.getKey()));
            setter.invoke(bean, entry.getValue());
        }
    }
}
